#!lua flags=no-writes
-- Waiting and running images, then the queues that a live worker serves.
local counts = redis.call("HMGET", COUNTS, "waiting", "running")
local served = {}
local now = whole(nowMs())
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  if redis.call("ZCOUNT", servingKey(queue), "(" .. now, "+inf") > 0 then served[#served + 1] = queue end
end
return { tonumber(counts[1] or 0), tonumber(counts[2] or 0), served }
