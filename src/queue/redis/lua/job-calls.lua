-- What the API calls.

-- A job as a reader sees it: RECORD_FIELDS and the position, which is absent unless the job is queued.
local function viewJob(id, job)
  local fields = redis.call("HMGET", jobKey(id), unpack(RECORD_FIELDS))
  if not fields[1] then return false end
  fields[#RECORD_FIELDS + 1] = fields[2] == "queued" and position(job or loadJob(id)) or false
  return fields
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
countAccepted(caller, images, perMinute, now)
countTotal(queue, "accepted")
return { "accepted", viewJob(id, job), (perMinute or concurrent) and describeUse(caller, now / 1000) or false }

#!lua name=cancel flags=allow-oom
-- Ends a job as cancelled unless it has ended; returns the job as it stands then.
local job = loadJob(ARGV[1])
if not job then return false end
if not isFinal(job) then endJob(job, "cancelled", ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])) end
return viewJob(ARGV[1])

#!lua name=view flags=no-writes
return viewJob(ARGV[1])
