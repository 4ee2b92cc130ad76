-- Every key of ours begins with PREFIX and two colons, which KEYS[1] is. BullMQ's are PREFIX:QUEUE:..., and no queue has an empty name: no
-- script names one of them. The keys keep the names that release 0.1 gave them, so that an upgrade finds what is there.
local OWN = KEYS[1]
local COUNTS = OWN .. "counts" -- hash: waiting (images of all queues), keptBytes, canvasBytes (of unfinished jobs), arrivals
local QUEUES = OWN .. "queues" -- set: every queue that a worker has served
local DEADLINES = OWN .. "deadlines" -- zset: job -> its deadline
local KEPT = OWN .. "kept" -- list: finished jobs in the order they finished, "id images bytes expiresAt"
local RATE = OWN .. "rate" -- hash: images finished, by slots of RATE_SLOT_MS
local UNFINISHED = OWN .. "unfinished" -- hash: caller -> its images that wait or run
local WEBHOOKS = OWN .. "deliveries" -- zset: finished job whose webhook is pending -> when it is due
local PENDING_WEBHOOKS = OWN .. "untold" -- hash: caller -> its pending webhooks
local EVENTS = OWN .. "events" -- channel: "id seq changes", what happened to jobs
local CONTROL = OWN .. "control" -- channel: what workers must know

local function jobKey(id) return OWN .. "job:" .. id end
local function imageKey(id, index) return OWN .. "image:" .. id .. ":" .. index end
local function canvasKey(id) return OWN .. "canvas:" .. id end -- the PNG that an unfinished job edits
local function requeuedKey(id) return OWN .. "again:" .. id end -- list: indices of images that were handed back
local function watchedKey(id) return OWN .. "watched:" .. id end -- exists while somebody watches the job's previews
local function previewKey(id, index) return OWN .. "preview:" .. id .. ":" .. index end -- hash: an image's newest preview
local function idempotencyKey(hash) return OWN .. "key:" .. hash end -- an idempotency key: "bodyHash id"
local function ownJobsKey(caller) return OWN .. "own:" .. caller end -- zset: the caller's newest jobs -> when they were accepted
local function recentKey(caller) return OWN .. "recent:" .. caller end -- hash: second -> images accepted in it
local function webhookKey(id) return OWN .. "delivery:" .. id end -- hash: the job as it ended, attempts
local function lineKey(queue) return OWN .. "line:" .. queue end -- hash: waiting, draining, turns, totals
local function callersKey(queue, level) return OWN .. "callers:" .. queue .. ":" .. level end -- zset: caller -> turn
local function sharesKey(queue, level) return OWN .. "shares:" .. queue .. ":" .. level end -- hash: caller -> images
local function jobsKey(queue, level, caller) return OWN .. "jobs:" .. queue .. ":" .. level .. ":" .. caller end
local function leasesKey(queue) return OWN .. "leases:" .. queue end -- hash: lease -> its image (leases.lua)
local function servingKey(queue) return OWN .. "serving:" .. queue end -- zset: worker -> until when it serves the queue
local function workerKey(worker) return OWN .. "worker:" .. worker end -- hash: details, paused

local function nowMs()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(number) return string.format("%.0f", number) end

-- Tells every process what changed of a job; `changes` is JSON. The job's number rises with every change.
local function publish(id, changes)
  local seq = redis.call("HINCRBY", jobKey(id), "seq", 1)
  redis.call("PUBLISH", EVENTS, id .. " " .. seq .. " " .. changes)
end
