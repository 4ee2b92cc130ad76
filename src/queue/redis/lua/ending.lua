-- How jobs end: once and for all, with a time to live for everything they leave, within a bound of bytes over all jobs.
-- Held by test/queue/contract/endings.ts.
local PUBLISHED_BYTES = 8192 -- longest descriptions that are published; of longer ones, those who wait read the job

local function deleteJob(id, images)
  local fields = redis.call("HMGET", jobKey(id), "key", "caller")
  local key = fields[1]
  if fields[2] then redis.call("ZREM", ownJobsKey(fields[2]), id) end
  for index = 0, images - 1 do redis.call("UNLINK", imageKey(id, index)) end
  redis.call("DEL", jobKey(id), requeuedKey(id))
  if key and key ~= "" then redis.call("DEL", idempotencyKey(key)) end
end

-- Drops up to `count` finished jobs: those past their time, and the oldest while all are above the bound.
local function trimKept(now, maxBytes, count)
  local bytes = tonumber(redis.call("HGET", COUNTS, "keptBytes") or 0)
  for _ = 1, count do
    local oldest = redis.call("LINDEX", KEPT, 0)
    if not oldest then break end
    local id, images, size, expiresAt = string.match(oldest, "^(%S+) (%d+) (%d+) (%d+)$")
    local late = tonumber(expiresAt) <= now
    if not late and (bytes <= maxBytes or redis.call("LLEN", KEPT) == 1) then break end
    redis.call("LPOP", KEPT)
    bytes = redis.call("HINCRBY", COUNTS, "keptBytes", -tonumber(size))
    deleteJob(id, tonumber(images))
  end
end

-- The images' descriptions as one JSON array.
local function describeImages(job, expiresAt)
  local described = {}
  for index = 0, job.images - 1 do
    redis.call("PEXPIREAT", imageKey(job.id, index), whole(expiresAt))
    described[index + 1] = redis.call("HGET", jobKey(job.id), "image:" .. index)
  end
  return "[" .. table.concat(described, ",") .. "]"
end

-- Makes a job final; `failure` is the error's JSON, absent for a job that completed.
local function endJob(job, state, failure, ttlMs, maxBytes)
  local key, now = jobKey(job.id), nowMs()
  local expiresAt = now + ttlMs
  if job.waiting > 0 then leaveLine(job, job.waiting) end
  local fields = redis.call("HMGET", key, "left", "bytes", "key", "webhook")
  local images = "[]"
  local bytes = 0
  if state == "completed" then
    images = describeImages(job, expiresAt)
    bytes = tonumber(fields[2] or 0)
  else
    for index = 0, job.images - 1 do redis.call("UNLINK", imageKey(job.id, index)) end
  end
  countDone(job.caller, tonumber(fields[1]))
  -- With its last unfinished job, a caller's list will be empty once that has expired.
  if redis.call("HEXISTS", UNFINISHED, job.caller) == 0 then redis.call("PEXPIREAT", ownJobsKey(job.caller), whole(expiresAt)) end
  dropCanvas(job.id)
  redis.call("DEL", requeuedKey(job.id))
  redis.call("ZREM", DEADLINES, job.id)
  redis.call("HSET", key, "state", state, "finishedAt", whole(now), "expiresAt", whole(expiresAt), "images:json", images)
  if failure then redis.call("HSET", key, "error", failure) end
  redis.call("PEXPIREAT", key, whole(expiresAt))
  if fields[3] and fields[3] ~= "" then redis.call("PEXPIREAT", idempotencyKey(fields[3]), whole(expiresAt)) end
  local size = bytes + RECORD_BYTES
  redis.call("HINCRBY", COUNTS, "keptBytes", size)
  redis.call("RPUSH", KEPT, job.id .. " " .. job.images .. " " .. size .. " " .. whole(expiresAt))
  trimKept(now, maxBytes, 100)
  job.state = state
  countTotal(job.queue, state)
  if #images > PUBLISHED_BYTES then
    publish(job.id, '{"state":"' .. state .. '"}')
  else
    local changes = { '"state":"' .. state .. '"', '"images":' .. images, progressChange(job.id) }
    changes[#changes + 1] = string.format('"finishedAt":%.0f,"expiresAt":%.0f', now, expiresAt)
    if failure then changes[#changes + 1] = '"error":' .. failure end
    publish(job.id, "{" .. table.concat(changes, ",") .. "}")
  end
  if fields[4] then addWebhook(job, now) end
  if state ~= "completed" then redis.call("PUBLISH", CONTROL, "ended " .. job.id) end
end
