-- A worker makes each image in one of its lanes. What is bound to a lane stays bound until the worker finishes it, hands
-- it back, or counts as dead; a call that is repeated because its answer was lost finds what it did before.
local MAX_TRIES = 3
-- Workers that an image may cost before it has to run alone, lest it take its neighbours' last try with it.
local DEATHS_BEFORE_ALONE = 2
-- A lane is held while its image has not begun: then its worker's death is none of the image's doing.
local HELD = " held"

local function boundImage(worker, lane)
  local bound = redis.call("HGET", lanesKey(worker), lane)
  if not bound then return nil end
  local id, index = string.match(bound, "^(%S+) (%d+)")
  return id, tonumber(index)
end

local function clearLane(worker, lane)
  if redis.call("HDEL", lanesKey(worker), lane) == 0 then return end
  redis.call("HINCRBY", lineKey(string.match(lane, "^(.*)/")), "running", -1)
  redis.call("HINCRBY", COUNTS, "running", -1)
end

-- What a worker needs to run an image: id, index, whether it must run alone, whether previews are watched, spec.
local function describeTask(id, index)
  local fields = redis.call("HMGET", jobKey(id), "deaths:" .. index, "spec")
  local alone = tonumber(fields[1] or 0) >= DEATHS_BEFORE_ALONE and 1 or 0
  return { id, index, alone, redis.call("EXISTS", watchedKey(id)), fields[2] }
end

-- Binds the next image to a lane; nothing when the line is empty, or it or the worker paused.
local function fillLane(queue, worker, lane)
  local id, index = boundImage(worker, lane)
  if id and redis.call("EXISTS", jobKey(id)) == 1 then return describeTask(id, index) end
  if id then clearLane(worker, lane) end
  if redis.call("HEXISTS", PREFIX .. ":" .. queue .. ":meta", "paused") == 1 then return false end
  if redis.call("HEXISTS", workerKey(worker), "paused") == 1 then return false end
  -- Of a worker that nobody knows, nobody would take the image back.
  if not redis.call("ZSCORE", WORKERS, worker) then return false end
  local job
  job, index = drawImage(queue)
  if not job then return false end
  if job.err then return job end
  local key = jobKey(job.id)
  redis.call("HSET", lanesKey(worker), lane, job.id .. " " .. index)
  redis.call("HSET", key, "owner:" .. index, worker .. " " .. lane)
  redis.call("HINCRBY", key, "tries:" .. index, 1)
  redis.call("HINCRBY", lineKey(queue), "running", 1)
  redis.call("HINCRBY", COUNTS, "running", 1)
  if job.state == "queued" then
    local now = whole(nowMs())
    redis.call("HSET", key, "state", "running", "startedAt", now)
    tell(job.id, '{"state":"running","startedAt":' .. now .. "}")
  end
  local task = describeTask(job.id, index)
  if task[3] == 1 then redis.call("HSET", lanesKey(worker), lane, job.id .. " " .. index .. HELD) end
  return task
end

-- Puts an image that a worker no longer runs back to the front of the line, or fails its job when its tries are over.
-- `counts`: "try", "death" (a try whose worker died) or "nothing". Returns the queue that has one more image.
local function handBack(id, index, owner, counts, failure, ttlMs, maxBytes)
  local job = loadJob(id)
  if not job or isFinal(job) then return nil end
  local key = jobKey(id)
  if redis.call("HGET", key, "owner:" .. index) ~= owner then return nil end
  redis.call("HDEL", key, "owner:" .. index)
  if counts == "nothing" then redis.call("HINCRBY", key, "tries:" .. index, -1) end
  if counts == "death" then redis.call("HINCRBY", key, "deaths:" .. index, 1) end
  if tonumber(redis.call("HGET", key, "tries:" .. index)) >= MAX_TRIES then
    endJob(job, "failed", failure, ttlMs, maxBytes)
    return nil
  end
  redis.call("RPUSH", againKey(id), index)
  joinLine(job, 1, true)
  return job.queue
end

local WORKERS_DIED = '{"code":"generation_failed","detail":"The workers that made the picture died '
  .. MAX_TRIES .. ' times."}'

-- Forgets a worker and hands back all that it ran.
local function forgetWorker(worker, counts, ttlMs, maxBytes)
  local lanes = redis.call("HGETALL", lanesKey(worker))
  for at = 1, #lanes, 2 do
    local lane = lanes[at]
    local id, index, held = string.match(lanes[at + 1], "^(%S+) (%d+)(.*)$")
    clearLane(worker, lane)
    local counted = held == HELD and "nothing" or counts
    handBack(id, tonumber(index), worker .. " " .. lane, counted, WORKERS_DIED, ttlMs, maxBytes)
  end
  redis.call("DEL", lanesKey(worker), workerKey(worker))
  redis.call("ZREM", WORKERS, worker)
  for _, queue in ipairs(redis.call("SMEMBERS", QUEUES)) do redis.call("ZREM", servingKey(queue), worker) end
end
