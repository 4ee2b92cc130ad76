-- What workers call.

#!lua name=serve flags=allow-oom
-- A worker says that it serves these queues for `ttlMs` from now on; with no queue, that it takes no more images. Returns
-- whether an operator paused it, which a worker that was silent for too long must know by itself.
local worker, details, ttlMs, knowsItselfPaused = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == "1"
local now = nowMs()
local key = workerKey(worker)
if knowsItselfPaused and redis.call("EXISTS", key) == 0 then redis.call("HSET", key, "paused", 1) end
redis.call("HSET", key, "details", details)
redis.call("PEXPIRE", key, ttlMs)
for at = 5, #ARGV do
  redis.call("ZREMRANGEBYSCORE", servingKey(ARGV[at]), "-inf", whole(now))
  redis.call("ZADD", servingKey(ARGV[at]), whole(now + ttlMs), worker)
  redis.call("SADD", QUEUES, ARGV[at])
end
if #ARGV == 4 then
  for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do redis.call("ZREM", servingKey(queue), worker) end
end
return redis.call("HEXISTS", key, "paused")

#!lua name=take flags=allow-oom
-- A worker has got a lease: the image to make under it, if there is one. Sent again because its answer was lost, the call
-- finds what it did before.
local queue, lease, run, worker = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local image = boundImage(queue, lease)
local job = image and jobOfOpenImage(image.id, image.index)
if job and image.run == run then return describeTask(image) end
if job then
  -- The lease stalled: the worker that had it died, or was silent for longer than its lock.
  if image.hasBegun then redis.call("HINCRBY", jobKey(image.id), "deaths:" .. image.index, 1) end
  if triesAreOver(image) then
    unbind(queue, lease)
    endJob(job, "failed", WORKERS_DIED, tonumber(ARGV[5]), tonumber(ARGV[6]))
    return describeTask(image, "given_up")
  end
  return startRun(queue, lease, { id = image.id, index = image.index, run = run, worker = worker })
end
if image then unbind(queue, lease) end

local index
job, index = drawImage(queue)
if not job then return false end
if job.err then return job end
if job.state == "queued" then
  local now = whole(nowMs())
  redis.call("HSET", jobKey(job.id), "state", "running", "startedAt", now)
  publish(job.id, '{"state":"running","startedAt":' .. now .. "}")
end
return startRun(queue, lease, { id = job.id, index = index, run = run, worker = worker })

#!lua name=begin flags=allow-oom
-- An image that had to wait until it was alone begins: from now on its worker's death counts.
local queue, lease, run = ARGV[1], ARGV[2], ARGV[3]
local image = boundImage(queue, lease)
if not image or image.run ~= run or image.hasBegun then return end
image.hasBegun = true
countTry(image, 1)
bind(queue, lease, image)

#!lua name=finish flags=allow-oom
-- An image is done, in `steps` (0: not known). The first worker that brings it wins.
local queue, lease, id, index = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local bytes, contentType, description, steps = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local ttlMs, maxBytes = tonumber(ARGV[9]), tonumber(ARGV[10])
local bound = boundImage(queue, lease)
if bound and bound.id == id and bound.index == index then unbind(queue, lease) end
local job = jobOfOpenImage(id, index)
if not job then return end

-- A worker that was silent for too long may bring what was handed back meanwhile: nobody needs to make it again.
if redis.call("LREM", requeuedKey(id), 1, index) == 1 then leaveLine(job, 1) end
local key = jobKey(id)
redis.call("SET", imageKey(id, index), bytes)
redis.call("HSET", key, "image:" .. index, description, "type", contentType)
redis.call("HINCRBY", key, "bytes", string.len(bytes))
countFinished(nowMs())
countDone(job.caller, 1)
countTotal(job.queue, "images")
local isFurther = noteSteps(job, index, steps, steps)
if redis.call("HINCRBY", key, "left", -1) == 0 then
  endJob(job, "completed", nil, ttlMs, maxBytes)
elseif isFurther then
  publish(id, "{" .. progressChange(id) .. "}")
end

#!lua name=release flags=allow-oom
-- A worker ends a run without an image. `why`: "failed" (the whole job fails), "error" (the image is tried again, as long as
-- it has tries) or "handed_back" (no try counts). Returns 1 where the image waits again and so needs a lease.
local queue, lease, run, id, index = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local why, failure = ARGV[6], ARGV[7]
local image = boundImage(queue, lease)
-- After Redis was emptied, BullMQ counts its leases from 1 again: the name may be another lease's.
if not image or image.run ~= run or image.id ~= id or image.index ~= index then return 0 end
unbind(queue, lease)
local job = jobOfOpenImage(image.id, image.index)
if not job then return 0 end
if why == "failed" or (why == "error" and triesAreOver(image)) then
  endJob(job, "failed", failure, tonumber(ARGV[8]), tonumber(ARGV[9]))
  return 0
end
requeue(job, image, why == "error")
return 1

#!lua name=progress flags=allow-oom
-- How far a worker's images are: id, index, step, of for each. Returns the ids of those whose job has ended.
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
for id in pairs(touched) do publish(id, "{" .. progressChange(id) .. "}") end
return ended

#!lua name=preview
-- Keeps an image's newest preview for a short while, and notifies those who watch.
local id, index, step, of = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local contentType, bytes, keepMs = ARGV[5], ARGV[6], ARGV[7]
if redis.call("HGET", jobKey(id), "state") ~= "running" then return end
redis.call("HSET", previewKey(id, index), "step", step, "of", of, "type", contentType, "bytes", bytes)
redis.call("PEXPIRE", previewKey(id, index), keepMs)
redis.call("PUBLISH", EVENTS, id .. " 0 preview " .. index)
