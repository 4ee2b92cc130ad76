-- Where everything lives. BullMQ's keys are PREFIX:QUEUE:..., ours PREFIX::..., and no queue has an empty name.
local PREFIX = KEYS[1]
local OWN = PREFIX .. "::"
local COUNTS = OWN .. "counts" -- hash: waiting, running (images over all queues), keptBytes, arrivals
local QUEUES = OWN .. "queues" -- set: every queue that a worker has served
local WORKERS = OWN .. "workers" -- zset: worker -> when it counts as dead
local DEADLINES = OWN .. "deadlines" -- zset: job -> its deadline
local KEPT = OWN .. "kept" -- list: finished jobs in the order they finished, "id images bytes expiresAt"
local RATE = OWN .. "rate" -- hash: images finished, by slots of RATE_SLOT_MS
local UNFINISHED = OWN .. "unfinished" -- hash: caller -> its images that wait or run
local DELIVERIES = OWN .. "deliveries" -- zset: job whose webhook is to be told of its end -> when it is due
local UNTOLD = OWN .. "untold" -- hash: caller -> its deliveries
local EVENTS = OWN .. "events" -- channel: "id seq changes", what happened to jobs
local CONTROL = OWN .. "control" -- channel: what workers must know

local function jobKey(id) return OWN .. "job:" .. id end
local function imageKey(id, index) return OWN .. "image:" .. id .. ":" .. index end
local function againKey(id) return OWN .. "again:" .. id end -- list: indices of images that were handed back
local function watchedKey(id) return OWN .. "watched:" .. id end -- somebody looks at the job's previews
local function previewKey(id) return OWN .. "preview:" .. id end -- hash: the newest preview
local function keyKey(hash) return OWN .. "key:" .. hash end -- an idempotency key: "bodyHash id"
local function recentKey(caller) return OWN .. "recent:" .. caller end -- hash: second -> images asked for in it
local function deliveryKey(id) return OWN .. "delivery:" .. id end -- hash: the job as it ended, attempts
local function lineKey(queue) return OWN .. "line:" .. queue end -- hash: waiting, running, draining, turns, totals
local function callersKey(queue, level) return OWN .. "callers:" .. queue .. ":" .. level end -- zset: caller -> turn
local function sharesKey(queue, level) return OWN .. "shares:" .. queue .. ":" .. level end -- hash: caller -> images
local function jobsKey(queue, level, caller) return OWN .. "jobs:" .. queue .. ":" .. level .. ":" .. caller end
local function servingKey(queue) return OWN .. "serving:" .. queue end -- zset: worker -> when it counts as dead
local function workerKey(worker) return OWN .. "worker:" .. worker end -- hash: details, paused
local function lanesKey(worker) return OWN .. "lanes:" .. worker end -- hash: "queue/lane" -> "id index"

-- What a reader sees of a job, in the order of ViewReply in payload.ts, which ends with the position in the line.
local RECORD_FIELDS = {
  "spec", "state", "seq", "steps", "stepsOf", "startedAt", "finishedAt", "expiresAt", "images:json", "error",
}

-- What a queue counts for ever: each job and each image once.
local TOTALS = { "total:accepted", "total:completed", "total:failed", "total:cancelled", "total:images" }
local function countTotal(queue, what) redis.call("HINCRBY", lineKey(queue), "total:" .. what, 1) end

local function nowMs()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(number) return string.format("%.0f", number) end

-- Tells every process what changed of a job; `changes` is JSON. Its number rises with every change.
local function tell(id, changes)
  local seq = redis.call("HINCRBY", jobKey(id), "seq", 1)
  redis.call("PUBLISH", EVENTS, id .. " " .. seq .. " " .. changes)
end
