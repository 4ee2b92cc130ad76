-- Ends of jobs that are to be told to webhooks. The job itself may be forgotten before its end is told.
local MAX_DELIVERIES_OF_CALLER = 1000

local function isBackedUp(caller)
  return tonumber(redis.call("HGET", UNTOLD, caller) or 0) >= MAX_DELIVERIES_OF_CALLER
end

local function addDelivery(job, now)
  local fields = redis.call("HMGET", jobKey(job.id), unpack(RECORD_FIELDS))
  for at, name in ipairs(RECORD_FIELDS) do
    if fields[at] then redis.call("HSET", deliveryKey(job.id), name, fields[at]) end
  end
  redis.call("HSET", deliveryKey(job.id), "caller", job.caller)
  redis.call("ZADD", DELIVERIES, whole(now), job.id)
  redis.call("HINCRBY", UNTOLD, job.caller, 1)
end

local function endDelivery(id)
  if redis.call("ZREM", DELIVERIES, id) == 0 then return end
  local caller = redis.call("HGET", deliveryKey(id), "caller") or ""
  if redis.call("HINCRBY", UNTOLD, caller, -1) <= 0 then redis.call("HDEL", UNTOLD, caller) end
  redis.call("DEL", deliveryKey(id))
end
