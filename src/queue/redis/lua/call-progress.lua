#!lua flags=allow-oom
-- How far a worker's images are: "id", index, step, of for each. Returns the ids of those whose job has ended.
local ended = {}
local touched = {}
for at = 1, #ARGV, 4 do
  local id, index, step, of = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local key = jobKey(id)
  local fields = redis.call("HMGET", key, "state", "step:" .. index, "images")
  if fields[1] ~= "running" and fields[1] ~= "queued" then
    ended[#ended + 1] = id
  elseif step > tonumber(fields[2] or 0) then
    redis.call("HSET", key, "step:" .. index, step, "stepsOf", of * tonumber(fields[3]))
    redis.call("HINCRBY", key, "steps", step - tonumber(fields[2] or 0))
    touched[id] = true
  end
end
for id in pairs(touched) do
  local fields = redis.call("HMGET", jobKey(id), "steps", "stepsOf")
  tell(id, '{"progress":{"step":' .. fields[1] .. ',"of":' .. fields[2] .. "}}")
end
return ended
