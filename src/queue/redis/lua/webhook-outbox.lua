-- Ends of jobs that their webhooks are to be notified of, each from the very step that ends its job. The job itself may be
-- forgotten before. Held by test/queue/contract/webhooks.ts.

local function isBackedUp(caller)
  return tonumber(redis.call("HGET", PENDING_WEBHOOKS, caller) or 0) >= MAX_PENDING_WEBHOOKS
end

local function addWebhook(job, now)
  local fields = redis.call("HMGET", jobKey(job.id), unpack(RECORD_FIELDS))
  for at, name in ipairs(RECORD_FIELDS) do
    if fields[at] then redis.call("HSET", webhookKey(job.id), name, fields[at]) end
  end
  redis.call("HSET", webhookKey(job.id), "caller", job.caller)
  redis.call("ZADD", WEBHOOKS, whole(now), job.id)
  redis.call("HINCRBY", PENDING_WEBHOOKS, job.caller, 1)
end

#!lua name=takeWebhooks flags=allow-oom
-- Takes webhooks that are due: of each the job's fields as viewJob returns them, and the attempt's number.
local count, leaseMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = nowMs()
local taken = {}
for _, id in ipairs(redis.call("ZRANGEBYSCORE", WEBHOOKS, "-inf", whole(now), "LIMIT", 0, count)) do
  local key = webhookKey(id)
  local attempt = redis.call("HINCRBY", key, "attempt", 1)
  redis.call("ZADD", WEBHOOKS, whole(now + leaseMs), id)
  local fields = redis.call("HMGET", key, unpack(RECORD_FIELDS))
  fields[#RECORD_FIELDS + 1] = false
  taken[#taken + 1] = { fields, attempt }
end
return taken

#!lua name=postponeWebhook flags=allow-oom
-- A webhook is due again after a delay; "unused" takes its attempt back.
local id, delayMs, attempt = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call("ZADD", WEBHOOKS, "XX", "CH", whole(nowMs() + delayMs), id) == 0 then return end
if attempt == "unused" then redis.call("HINCRBY", webhookKey(id), "attempt", -1) end

#!lua name=endWebhook flags=allow-oom
-- A webhook was delivered, or is given up.
local id = ARGV[1]
if redis.call("ZREM", WEBHOOKS, id) == 0 then return end
local caller = redis.call("HGET", webhookKey(id), "caller") or ""
if redis.call("HINCRBY", PENDING_WEBHOOKS, caller, -1) <= 0 then redis.call("HDEL", PENDING_WEBHOOKS, caller) end
redis.call("DEL", webhookKey(id))
