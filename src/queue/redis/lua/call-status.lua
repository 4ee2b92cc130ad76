#!lua flags=no-writes
-- What an operator sees: for each queue its name, waiting, running, paused, draining; then for each live worker its id,
-- details, paused, images running, and the queues it serves.
local now = whole(nowMs())
local queues, workers = {}, {}
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  local line = redis.call("HMGET", lineKey(queue), "waiting", "running", "draining")
  local paused = redis.call("HEXISTS", PREFIX .. ":" .. queue .. ":meta", "paused")
  queues[#queues + 1] = { queue, tonumber(line[1] or 0), tonumber(line[2] or 0), paused, line[3] and 1 or 0 }
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
return { queues, workers }
