-- A job as a reader sees it, in the order of RECORD_FIELDS; the position is absent unless it is queued.
local function viewJob(id)
  local fields = redis.call(
    "HMGET", jobKey(id), "spec", "state", "seq", "steps", "stepsOf",
    "startedAt", "finishedAt", "expiresAt", "images:json", "error"
  )
  if not fields[1] then return false end
  fields[11] = fields[2] == "queued" and position(loadJob(id)) or false
  return fields
end
