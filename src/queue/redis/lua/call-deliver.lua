#!lua flags=allow-oom
-- Takes deliveries that are due: id by id the job's fields as viewJob returns them, and the attempt's number.
local count, leaseMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = nowMs()
local taken = {}
for _, id in ipairs(redis.call("ZRANGEBYSCORE", DELIVERIES, "-inf", whole(now), "LIMIT", 0, count)) do
  local key = deliveryKey(id)
  local attempt = redis.call("HINCRBY", key, "attempt", 1)
  redis.call("ZADD", DELIVERIES, whole(now + leaseMs), id)
  local fields = redis.call("HMGET", key, unpack(RECORD_FIELDS))
  fields[#RECORD_FIELDS + 1] = false
  taken[#taken + 1] = { fields, attempt }
end
return taken
