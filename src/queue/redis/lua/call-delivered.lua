#!lua flags=allow-oom
-- A delivery is over, or, with a delay, due again after it; "unused" takes its attempt back.
local id, delayMs, attempt = ARGV[1], ARGV[2], ARGV[3]
if delayMs == "" then
  endDelivery(id)
elseif redis.call("ZADD", DELIVERIES, "XX", "CH", whole(nowMs() + tonumber(delayMs)), id) == 1 then
  if attempt == "unused" then redis.call("HINCRBY", deliveryKey(id), "attempt", -1) end
end
return 1
