#!lua flags=allow-oom
-- A worker takes nothing more, so it no longer counts when a job asks for a worker; what it runs stays its own.
local worker = ARGV[1]
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do redis.call("ZREM", servingKey(queue), worker) end
