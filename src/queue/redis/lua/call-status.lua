#!lua flags=no-writes
-- What an operator sees: for each queue its name, waiting, running, paused, draining, then the totals of jobs accepted,
-- completed, failed and cancelled and of images made; for each live worker its id, details, paused, images running, and
-- the queues it serves; and the bytes of finished jobs.
local now = whole(nowMs())
local queues, workers = {}, {}
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  local line = redis.call("HMGET", lineKey(queue), "waiting", "running", "draining", unpack(TOTALS))
  local paused = redis.call("HEXISTS", PREFIX .. ":" .. queue .. ":meta", "paused")
  local status = { queue, tonumber(line[1] or 0), tonumber(line[2] or 0), paused, line[3] and 1 or 0 }
  for at = 1, #TOTALS do status[#status + 1] = tonumber(line[3 + at] or 0) end
  queues[#queues + 1] = status
end
for _, worker in ipairs(redis.call("ZRANGEBYSCORE", WORKERS, "(" .. now, "+inf")) do
  local details = redis.call("HGET", workerKey(worker), "details")
  local paused = redis.call("HEXISTS", workerKey(worker), "paused")
  local served = {}
  for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
    if redis.call("ZSCORE", servingKey(queue), worker) then served[#served + 1] = queue end
  end
  workers[#workers + 1] = { worker, details, paused, redis.call("HLEN", lanesKey(worker)), served }
end
return { queues, workers, tonumber(redis.call("HGET", COUNTS, "keptBytes") or 0) }
