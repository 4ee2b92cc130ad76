#!lua flags=allow-oom
-- How far a worker's images are: "id", index, step, of for each. Returns the ids of those whose job has ended.
local ended = {}
local touched = {}
for at = 1, #ARGV, 4 do
  local id, index, step, of = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local job = loadJob(id)
  if not job or isFinal(job) then
    ended[#ended + 1] = id
  elseif noteSteps(job, index, step, of) then
    touched[id] = true
  end
end
for id in pairs(touched) do tell(id, "{" .. progressChange(id) .. "}") end
return ended
