-- A lease is a BullMQ job: the right to make one image. Which image is decided when a worker takes it; from then on the
-- image is bound to the lease, as "id index run worker begun", until it is stored, given up, or handed back. `run` counts
-- how often the lease was taken: a lease whose worker died stalls, comes back with the next run, and finds its image.

-- Workers that an image may cost before it has to run alone, lest it take its neighbours' last try with it.
local DEATHS_BEFORE_ALONE = 2

local function boundImage(queue, lease)
  local bound = redis.call("HGET", leasesKey(queue), lease)
  if not bound then return nil end
  local id, index, run, worker, begun = string.match(bound, "^(%S+) (%d+) (%d+) (%S+) (%d)$")
  return { id = id, index = tonumber(index), run = run, worker = worker, hasBegun = begun == "1" }
end

local function bind(queue, lease, image)
  local begun = image.hasBegun and 1 or 0
  local text = image.id .. " " .. image.index .. " " .. image.run .. " " .. image.worker .. " " .. begun
  redis.call("HSET", leasesKey(queue), lease, text)
end

local function unbind(queue, lease) redis.call("HDEL", leasesKey(queue), lease) end

-- Tries that have begun, except those that ended through no fault of the image.
local function countTry(image, count) return redis.call("HINCRBY", jobKey(image.id), "tries:" .. image.index, count) end

local function triesAreOver(image)
  return tonumber(redis.call("HGET", jobKey(image.id), "tries:" .. image.index) or 0) >= MAX_TRIES
end

-- What a worker needs to run an image: id, index, what to do ("run", or "run_alone" after so many deaths), whether previews
-- are watched, the spec, and the time, which tells its clock from this one.
local function describeTask(image, what)
  local fields = redis.call("HMGET", jobKey(image.id), "spec", "deaths:" .. image.index)
  local mustRunAlone = tonumber(fields[2] or 0) >= DEATHS_BEFORE_ALONE
  local isWatched = redis.call("EXISTS", watchedKey(image.id))
  return { image.id, image.index, what or (mustRunAlone and "run_alone" or "run"), isWatched, fields[1], whole(nowMs()) }
end

-- Binds an image to a lease. It begins at once, unless it must wait until it is alone.
local function startRun(queue, lease, image)
  local task = describeTask(image)
  image.hasBegun = task[3] == "run"
  if image.hasBegun then countTry(image, 1) end
  bind(queue, lease, image)
  return task
end

-- Puts an image back to the front of the line; where no try is to count, that of a run that had begun is taken back.
local function requeue(job, image, countsTry)
  if image.hasBegun and not countsTry then countTry(image, -1) end
  redis.call("RPUSH", requeuedKey(job.id), image.index)
  joinLine(job, 1, true)
end
