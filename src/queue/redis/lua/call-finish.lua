#!lua flags=allow-oom
-- An image is done, in `steps` (0: not told): the first who brings it wins. With `goOn` the lane gets the next image, in
-- place of one that waits.
local queue, worker, lane, id, index = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local bytes, contentType, description, steps = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
local goOn, ttlMs, maxBytes = ARGV[10] == "1", tonumber(ARGV[11]), tonumber(ARGV[12])

local boundId, boundIndex = boundImage(worker, lane)
if boundId == id and boundIndex == index then clearLane(worker, lane) end

local job = loadJob(id)
local key = jobKey(id)
if job and not isFinal(job) and redis.call("HEXISTS", key, "image:" .. index) == 0 then
  -- A worker that was silent for too long may bring what was handed back meanwhile: then nobody needs to make it again.
  if redis.call("LREM", againKey(id), 1, index) == 1 then
    dropTokens(job.queue, 1)
    leaveLine(job, 1)
  end
  redis.call("SET", imageKey(id, index), bytes)
  redis.call("HSET", key, "image:" .. index, description, "type", contentType)
  redis.call("HDEL", key, "owner:" .. index)
  redis.call("HINCRBY", key, "bytes", string.len(bytes))
  countFinished(nowMs())
  countDone(job.caller, 1)
  countTotal(job.queue, "images")
  local isFurther = noteSteps(job, index, steps, steps)
  if redis.call("HINCRBY", key, "left", -1) == 0 then
    endJob(job, "completed", nil, ttlMs, maxBytes)
  elseif isFurther then
    tell(id, "{" .. progressChange(id) .. "}")
  end
end

if not goOn then return false end
local again = boundImage(worker, lane)
local task = fillLane(queue, worker, lane)
if task and not again then dropTokens(queue, 1) end
return task
