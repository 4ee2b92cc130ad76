#!lua flags=allow-oom
-- Mends what crashes left behind, a bounded amount at a time: workers that died, deadlines that passed, results past
-- their time, tokens that are missing or too many. Returns the missing ones: queue, count, queue, count, ...
local everyMs, ttlMs, maxBytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not redis.call("SET", OWN .. "swept", 1, "NX", "PX", everyMs) then return {} end
local now = nowMs()

for _, worker in ipairs(redis.call("ZRANGEBYSCORE", WORKERS, "-inf", whole(now), "LIMIT", 0, 10)) do
  forgetWorker(worker, "death", ttlMs, maxBytes)
end

local LATE = '{"code":"deadline_exceeded","detail":"The deadline passed before the job was done."}'
for _, id in ipairs(redis.call("ZRANGEBYSCORE", DEADLINES, "-inf", whole(now), "LIMIT", 0, 200)) do
  local job = loadJob(id)
  if job and not isFinal(job) then
    endJob(job, "failed", LATE, ttlMs, maxBytes)
  else
    redis.call("ZREM", DEADLINES, id)
  end
end

trimKept(now, maxBytes, 1000)

local missing = {}
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  local waiting = tonumber(redis.call("HGET", lineKey(queue), "waiting") or 0)
  local surplus = redis.call("LLEN", PREFIX .. ":" .. queue .. ":wait") - waiting
  if surplus > 0 then dropTokens(queue, math.min(surplus, 1000)) end
  if surplus < 0 then
    missing[#missing + 1] = queue
    missing[#missing + 1] = math.min(-surplus, 1000)
  end
end
return missing
