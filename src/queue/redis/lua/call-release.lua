#!lua flags=allow-oom
-- A worker gives up on an image: `counts` is "try" or "nothing"; with "end" its job fails at once. Returns 1 when the
-- image waits again, so that a token must be added.
local worker, lane, id, index = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local counts, failure = ARGV[5], ARGV[6]
local ttlMs, maxBytes = tonumber(ARGV[7]), tonumber(ARGV[8])

local boundId, boundIndex = boundImage(worker, lane)
if boundId ~= id or boundIndex ~= index then return 0 end
clearLane(worker, lane)
if counts == "end" then
  local job = loadJob(id)
  if job and not isFinal(job) then endJob(job, "failed", failure, ttlMs, maxBytes) end
  return 0
end
return handBack(id, index, worker .. " " .. lane, counts, failure, ttlMs, maxBytes) and 1 or 0
