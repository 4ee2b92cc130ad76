#!lua
-- Keeps an image's newest preview for a short while, and tells who watches.
local id, index, step, of = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local contentType, bytes, keepMs = ARGV[5], ARGV[6], ARGV[7]
if redis.call("HGET", jobKey(id), "state") ~= "running" then return end
redis.call("HSET", previewKey(id), "index", index, "step", step, "of", of, "type", contentType, "bytes", bytes)
redis.call("PEXPIRE", previewKey(id), keepMs)
redis.call("PUBLISH", EVENTS, id .. " 0 preview")
