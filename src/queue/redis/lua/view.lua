-- A job as a reader sees it: RECORD_FIELDS and the position, which is absent unless it is queued.
local function viewJob(id)
  local fields = redis.call("HMGET", jobKey(id), unpack(RECORD_FIELDS))
  if not fields[1] then return false end
  fields[#RECORD_FIELDS + 1] = fields[2] == "queued" and position(loadJob(id)) or false
  return fields
end
