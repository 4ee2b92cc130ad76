-- A job's record.

-- What a reader sees of a job, in the order of ViewReply in replies.ts, which ends with the position in the line.
local RECORD_FIELDS = {
  "spec", "state", "seq", "steps", "stepsOf", "startedAt", "finishedAt", "expiresAt", "images:json", "error",
}

-- What a queue counts for ever: each job and each image once.
local TOTALS = { "total:accepted", "total:completed", "total:failed", "total:cancelled", "total:images" }
local function countTotal(queue, what) redis.call("HINCRBY", lineKey(queue), "total:" .. what, 1) end

-- `index`: of an image, whether it is stored.
local function loadJob(id, index)
  local names = { "state", "queue", "level", "caller", "images", "waiting", "left", index and "image:" .. index }
  local fields = redis.call("HMGET", jobKey(id), unpack(names))
  if not fields[1] then return nil end
  return {
    id = id,
    state = fields[1],
    queue = fields[2],
    level = fields[3],
    caller = fields[4],
    images = tonumber(fields[5]),
    waiting = tonumber(fields[6]),
    left = tonumber(fields[7]),
    isStored = fields[8],
  }
end

local function isFinal(job) return job.state ~= "queued" and job.state ~= "running" end

-- The job of an image that is still to be made; nil where the job has ended or is gone, or the image is stored.
local function jobOfOpenImage(id, index)
  local job = loadJob(id, index)
  if job and not isFinal(job) and not job.isStored then return job end
end

-- The canvases of unfinished jobs, which count in bytes.
local function canvasBytes() return tonumber(redis.call("HGET", COUNTS, "canvasBytes") or 0) end

local function keepCanvas(id, canvas)
  redis.call("SET", canvasKey(id), canvas)
  redis.call("HSET", jobKey(id), "canvasBytes", #canvas)
  redis.call("HINCRBY", COUNTS, "canvasBytes", #canvas)
end

local function dropCanvas(id)
  local bytes = redis.call("HGET", jobKey(id), "canvasBytes")
  if not bytes then return end
  redis.call("UNLINK", canvasKey(id))
  redis.call("HINCRBY", COUNTS, "canvasBytes", -tonumber(bytes))
end

-- Notes how far an image is; false where it was as far before, as one is that runs again.
local function noteSteps(job, index, step, of)
  local key = jobKey(job.id)
  local known = tonumber(redis.call("HGET", key, "step:" .. index) or 0)
  if step <= known then return false end
  redis.call("HSET", key, "step:" .. index, step, "stepsOf", of * job.images)
  redis.call("HINCRBY", key, "steps", step - known)
  return true
end

-- The change to publish after noteSteps; nil before the first step.
local function progressChange(id)
  local fields = redis.call("HMGET", jobKey(id), "steps", "stepsOf")
  return fields[2] and string.format('"progress":{"step":%s,"of":%s}', fields[1], fields[2]) or nil
end
