#!lua flags=allow-oom
-- Takes deliveries that are due: id by id the job's fields as viewJob returns them, and the attempt's number.
local count, leaseMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = nowMs()
local taken = {}
for _, id in ipairs(redis.call("ZRANGEBYSCORE", DELIVERIES, "-inf", whole(now), "LIMIT", 0, count)) do
  local key = deliveryKey(id)
  local attempt = redis.call("HINCRBY", key, "attempt", 1)
  redis.call("ZADD", DELIVERIES, whole(now + leaseMs), id)
  local f = redis.call("HMGET", key, "spec", "state", "seq", "startedAt", "finishedAt", "expiresAt", "images:json", "error")
  taken[#taken + 1] = { { f[1], f[2], f[3], false, false, f[4], f[5], f[6], f[7], f[8], false }, attempt }
end
return taken
