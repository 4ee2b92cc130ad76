#!lua flags=allow-oom
-- A worker says that it lives and what it serves. When it is silent, first it no longer counts as serving, later as
-- dead. Returns whether an operator paused it, which one that counted as dead meanwhile must know by itself.
local worker, details, servingMs, aliveMs = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local knowsItselfPaused = ARGV[5] == "1"
local deadAt = whole(nowMs() + aliveMs)
local servingUntil = whole(nowMs() + servingMs)
if knowsItselfPaused and not redis.call("ZSCORE", WORKERS, worker) then
  redis.call("HSET", workerKey(worker), "paused", 1)
end
redis.call("ZADD", WORKERS, deadAt, worker)
redis.call("HSET", workerKey(worker), "details", details)
for at = 6, #ARGV do
  redis.call("ZADD", servingKey(ARGV[at]), servingUntil, worker)
  redis.call("SADD", QUEUES, ARGV[at])
end
return redis.call("HEXISTS", workerKey(worker), "paused")
