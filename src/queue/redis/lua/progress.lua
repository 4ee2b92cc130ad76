-- How far jobs are: the steps done of each image, and over all of them.

-- Notes how far an image is; false where it was as far before, as one is that runs again.
local function noteSteps(job, index, step, of)
  local key = jobKey(job.id)
  local known = tonumber(redis.call("HGET", key, "step:" .. index) or 0)
  if step <= known then return false end
  redis.call("HSET", key, "step:" .. index, step, "stepsOf", of * job.images)
  redis.call("HINCRBY", key, "steps", step - known)
  return true
end

-- What tell() is to say of it; nil before the first step.
local function progressChange(id)
  local fields = redis.call("HMGET", jobKey(id), "steps", "stepsOf")
  return fields[2] and string.format('"progress":{"step":%s,"of":%s}', fields[1], fields[2]) or nil
end
