-- What operators call, and the sweep.

local function countBound(queue) return redis.call("HLEN", leasesKey(queue)) end

-- Release 0.1 kept by worker which images it made: those of a worker that died before the upgrade wait again.
local function reclaimFromRelease01(now)
  local workers = OWN .. "workers"
  for _, worker in ipairs(redis.call("ZRANGEBYSCORE", workers, "-inf", whole(now), "LIMIT", 0, 10)) do
    for _, bound in ipairs(redis.call("HVALS", OWN .. "lanes:" .. worker)) do
      local id, index = string.match(bound, "^(%S+) (%d+)")
      local job = jobOfOpenImage(id, index)
      if job then requeue(job, { id = id, index = index, hasBegun = true }, false) end
    end
    redis.call("DEL", OWN .. "lanes:" .. worker)
    redis.call("ZREM", workers, worker)
  end
end

#!lua name=time flags=no-writes
return whole(nowMs())

#!lua name=stats flags=no-writes
-- Waiting and running images, then the queues that a live worker serves.
local running = 0
local served = {}
local now = whole(nowMs())
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  running = running + countBound(queue)
  if redis.call("ZCOUNT", servingKey(queue), "(" .. now, "+inf") > 0 then served[#served + 1] = queue end
end
return { tonumber(redis.call("HGET", COUNTS, "waiting") or 0), running, served }

#!lua name=status flags=no-writes
-- Of each queue its name, waiting, running, draining, then the totals of jobs accepted, completed, failed and cancelled
-- and of images made; of each live worker its id, details, paused, running images, and the queues it serves; and the
-- bytes of finished jobs.
local now = whole(nowMs())
local queues, workers, byId = {}, {}, {}
local names = redis.call("SMEMBERS", QUEUES)
for _, queue in ipairs(names) do
  local line = redis.call("HMGET", lineKey(queue), "waiting", "draining", unpack(TOTALS))
  local status = { queue, tonumber(line[1] or 0), countBound(queue), line[2] and 1 or 0 }
  for at = 1, #TOTALS do status[#status + 1] = tonumber(line[2 + at] or 0) end
  queues[#queues + 1] = status
  for _, worker in ipairs(redis.call("ZRANGEBYSCORE", servingKey(queue), "(" .. now, "+inf")) do
    if not byId[worker] then
      local fields = redis.call("HMGET", workerKey(worker), "details", "paused")
      byId[worker] = { worker, fields[1], fields[2] and 1 or 0, 0, {} }
      workers[#workers + 1] = byId[worker]
    end
    table.insert(byId[worker][5], queue)
  end
end
for _, queue in ipairs(names) do
  for _, lease in ipairs(redis.call("HKEYS", leasesKey(queue))) do
    local worker = byId[boundImage(queue, lease).worker]
    if worker then worker[4] = worker[4] + 1 end
  end
end
return { queues, workers, tonumber(redis.call("HGET", COUNTS, "keptBytes") or 0) }

#!lua name=sweep flags=allow-oom
-- Ends jobs whose deadline has passed and drops results past their time, a bounded number at a time. Returns of each queue
-- its name, the images that wait, and the leases that have an image: BullMQ must have a lease for each of both. Of all
-- processes, one sweeps within `everyMs`; the others get nothing.
local everyMs, ttlMs, maxBytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not redis.call("SET", OWN .. "swept", 1, "NX", "PX", everyMs) then return {} end
local now = nowMs()
for _, id in ipairs(redis.call("ZRANGEBYSCORE", DEADLINES, "-inf", whole(now), "LIMIT", 0, 200)) do
  local job = loadJob(id)
  if job and not isFinal(job) then
    endJob(job, "failed", DEADLINE_PASSED, ttlMs, maxBytes)
  else
    redis.call("ZREM", DEADLINES, id)
  end
end
trimKept(now, maxBytes, 1000)
reclaimFromRelease01(now)
local queues = {}
for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do
  local waiting = tonumber(redis.call("HGET", lineKey(queue), "waiting") or 0)
  queues[#queues + 1] = { queue, waiting, redis.call("HKEYS", leasesKey(queue)) }
end
return queues

#!lua name=reclaim flags=allow-oom
-- BullMQ has lost a lease: its image, if it still has one, waits again, and no try counts.
local queue, lease = ARGV[1], ARGV[2]
local image = boundImage(queue, lease)
if not image then return end
unbind(queue, lease)
local job = jobOfOpenImage(image.id, image.index)
if job then requeue(job, image, false) end
