-- What the API calls.

-- A job as a reader sees it: RECORD_FIELDS and the position, which is absent unless the job is queued.
local function viewJob(id, job)
  local fields = redis.call("HMGET", jobKey(id), unpack(RECORD_FIELDS))
  if not fields[1] then return false end
  fields[#RECORD_FIELDS + 1] = fields[2] == "queued" and position(job or loadJob(id)) or false
  return fields
end

-- A caller's list keeps its newest jobs. It lasts until the caller's last job has expired (ending.lua).
local function listJob(caller, id, now)
  local key = ownJobsKey(caller)
  redis.call("ZADD", key, whole(now), id)
  redis.call("PERSIST", key)
  redis.call("ZREMRANGEBYRANK", key, 0, -MAX_LISTED_JOBS - 1)
end

#!lua name=submit
-- Accepts a job, or says why not. Refused as a whole when Redis is out of memory: hence no allow-oom.
local id, queue, level, caller = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local images, spec, deadlineMs, cap = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local key, bodyHash = ARGV[9], ARGV[10]
local perMinute, concurrent = tonumber(ARGV[11]), tonumber(ARGV[12])
local hasWebhook = ARGV[13] == "1"
local canvas, maxCanvasBytes = ARGV[14], tonumber(ARGV[15])
local now = nowMs()

if key ~= "" then
  local earlier = redis.call("GET", idempotencyKey(key))
  if earlier then
    local hash, earlierId = string.match(earlier, "^(%S+) (%S+)$")
    if hash ~= bodyHash then return { "conflict" } end
    -- With the same id it is this very call, sent again after its answer was lost.
    return { earlierId == id and "accepted" or "existing", viewJob(earlierId) }
  end
elseif redis.call("EXISTS", jobKey(id)) == 1 then
  return { "accepted", viewJob(id) }
end
if redis.call("HEXISTS", lineKey(queue), "draining") == 1 then return { "draining" } end
if redis.call("ZCOUNT", servingKey(queue), "(" .. whole(now), "+inf") == 0 then return { "no_worker" } end
local limit, waitS = brokenLimit(caller, images, perMinute, concurrent, now)
if limit then return { "over_limit", { limit, waitS, describeUse(caller, now / 1000) } } end
if hasWebhook and isBackedUp(caller) then return { "webhooks_backed_up" } end
local surplus = tonumber(redis.call("HGET", COUNTS, "waiting") or 0) + images - cap
if surplus > 0 then return { "full", secondsFor(surplus, now) } end
if canvas ~= "" and canvasBytes() + #canvas > maxCanvasBytes then return { "canvases_full", secondsFor(images, now) } end

-- The times are added to the text, because cjson would round a large seed.
local times = ',"accepted_at":' .. whole(now)
if deadlineMs then
  redis.call("ZADD", DEADLINES, whole(now + deadlineMs), id)
  times = times .. ',"deadline_at":' .. whole(now + deadlineMs)
end
spec = string.sub(spec, 1, -2) .. times .. "}"
redis.call(
  "HSET", jobKey(id), "spec", spec, "queue", queue, "level", level, "caller", caller, "images", images, "state", "queued",
  "seq", 1, "waiting", 0, "left", images, "next", 0, "key", key
)
if key ~= "" then redis.call("SET", idempotencyKey(key), bodyHash .. " " .. id) end
if hasWebhook then redis.call("HSET", jobKey(id), "webhook", 1) end
if canvas ~= "" then keepCanvas(id, canvas) end
local job = { id = id, queue = queue, level = level, caller = caller, images = images, waiting = 0, state = "queued" }
joinLine(job, images, false)
listJob(caller, id, now)
countAccepted(caller, images, perMinute, now)
countTotal(queue, "accepted")
return { "accepted", viewJob(id, job), (perMinute or concurrent) and describeUse(caller, now / 1000) or false }

#!lua name=cancel flags=allow-oom
-- Ends a job as cancelled unless it has ended; returns the job as it stands then.
local job = loadJob(ARGV[1])
if not job then return false end
if not isFinal(job) then endJob(job, "cancelled", ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])) end
return viewJob(ARGV[1])

#!lua name=delete flags=allow-oom
-- Forgets a job that has ended, as when its time is over.
local id = ARGV[1]
local job = loadJob(id)
if not job or not isFinal(job) then return end
local fields = redis.call("HMGET", jobKey(id), "bytes", "expiresAt")
local size = (job.state == "completed" and tonumber(fields[1] or 0) or 0) + RECORD_BYTES
local kept = id .. " " .. job.images .. " " .. size .. " " .. fields[2]
if redis.call("LREM", KEPT, -1, kept) == 1 then redis.call("HINCRBY", COUNTS, "keptBytes", -size) end
deleteJob(id, job.images)

#!lua name=list flags=allow-oom
-- A caller's jobs as viewJob returns them, the newest first, and 1 where more follow. `afterMs` and `afterId`: the last job of
-- the page before. Forgets those that have expired.
local caller, state, afterMs, afterId, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local own = ownJobsKey(caller)
local views = {}
local jobs = redis.call("ZREVRANGEBYSCORE", own, afterMs == "" and "+inf" or afterMs, "-inf", "WITHSCORES")
for at = 1, #jobs, 2 do
  local id = jobs[at]
  local isListed = afterMs ~= "" and tonumber(jobs[at + 1]) == tonumber(afterMs) and id >= afterId
  local known = not isListed and redis.call("HGET", jobKey(id), "state")
  if known and (state == "" or known == state) then
    if #views == limit then return { views, 1 } end
    views[#views + 1] = viewJob(id)
  elseif not isListed and not known then
    redis.call("ZREM", own, id)
  end
end
return { views, 0 }

#!lua name=view flags=no-writes
return viewJob(ARGV[1])
