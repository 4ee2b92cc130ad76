#!lua flags=allow-oom
-- An image waits in its lane until it may begin ("1"), or begins now ("0").
local worker, lane, id, index = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local boundId, boundIndex = boundImage(worker, lane)
if boundId ~= id or boundIndex ~= index then return end
redis.call("HSET", lanesKey(worker), lane, id .. " " .. index .. (ARGV[5] == "1" and HELD or ""))
