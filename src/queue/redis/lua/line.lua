-- The waiting line of a queue: three levels take turns by weight, the callers of a level take turns image by image, and
-- a caller's own jobs are first come, first served. Turns are virtual times (start-time fair queueing).
-- Held by test/queue/contract/sharing.ts.
local LEVELS = { "high", "normal", "low" }
-- Entries that a position counts one by one; beyond, it is an estimate.
local COUNTED = 1000

local function countWaiting(job, count)
  job.waiting = redis.call("HINCRBY", jobKey(job.id), "waiting", count)
  local line = lineKey(job.queue)
  redis.call("HINCRBY", line, "waiting", count)
  redis.call("HINCRBY", line, "waiting:" .. job.level, count)
  redis.call("HINCRBY", COUNTS, "waiting", count)
  local shares = sharesKey(job.queue, job.level)
  if redis.call("HINCRBY", shares, job.caller, count) <= 0 then redis.call("HDEL", shares, job.caller) end
end

-- Adds waiting images of a job; `front`: before all others of its level.
local function joinLine(job, count, front)
  local line = lineKey(job.queue)
  local at = redis.call("HMGET", line, "waiting:" .. job.level, "turn:" .. job.level, "turn")
  if tonumber(at[1] or 0) == 0 then
    -- A level that was empty joins now: it has no claim to the past.
    redis.call("HSET", line, "turn:" .. job.level, math.max(tonumber(at[2] or 0), tonumber(at[3] or 0)))
  end
  local inLine = job.waiting > 0
  countWaiting(job, count)
  local callers = callersKey(job.queue, job.level)
  -- A caller that joins gets the turn of the first, so coming back again and again pushes nobody out.
  local first = redis.call("ZRANGE", callers, 0, 0, "WITHSCORES")
  local turn = math.floor(tonumber(first[2] or 0))
  if front then
    redis.call("ZADD", callers, turn - 1, job.caller)
  elseif not redis.call("ZSCORE", callers, job.caller) then
    -- Of callers with equal turns the one that came first goes first.
    local arrival = redis.call("HINCRBY", COUNTS, "arrivals", 1)
    redis.call("ZADD", callers, turn + (arrival % 1000000) / 1000000, job.caller)
  end
  if not inLine then redis.call(front and "LPUSH" or "RPUSH", jobsKey(job.queue, job.level, job.caller), job.id) end
end

-- Takes waiting images of a job out of the count, and the job out of the line when none is left.
local function leaveLine(job, count)
  countWaiting(job, -count)
  if job.waiting > 0 then return end
  local jobs = jobsKey(job.queue, job.level, job.caller)
  redis.call("LREM", jobs, 1, job.id)
  if redis.call("EXISTS", jobs) == 0 then redis.call("ZREM", callersKey(job.queue, job.level), job.caller) end
end

local function levelInTurn(line)
  local names = {}
  for at, level in ipairs(LEVELS) do names[2 * at - 1], names[2 * at] = "waiting:" .. level, "turn:" .. level end
  local fields = redis.call("HMGET", line, unpack(names))
  local drawn, drawnTurn
  for at, level in ipairs(LEVELS) do
    local waiting, turn = tonumber(fields[2 * at - 1] or 0), tonumber(fields[2 * at] or 0)
    if waiting > 0 and (not drawn or turn < drawnTurn) then drawn, drawnTurn = level, turn end
  end
  return drawn, drawnTurn
end

-- Takes the image whose turn it is out of the line: its job and its index, or nothing.
local function drawImage(queue)
  local line = lineKey(queue)
  local level, turn = levelInTurn(line)
  if not level then return nil end
  local callers = callersKey(queue, level)
  local first = redis.call("ZRANGE", callers, 0, 0, "WITHSCORES")
  local id = first[1] and redis.call("LINDEX", jobsKey(queue, level, first[1]), 0)
  local job = id and loadJob(id)
  if not job then return redis.error_reply("BROKEN the waiting line of " .. queue .. " does not fit its jobs") end
  redis.call("HSET", line, "turn", turn, "turn:" .. level, turn + 1 / PRIORITY_WEIGHTS[level])
  redis.call("ZINCRBY", callers, 1, job.caller)
  leaveLine(job, 1)
  local index = redis.call("LPOP", requeuedKey(id))
  if not index then index = redis.call("HINCRBY", jobKey(id), "next", 1) - 1 end
  return job, tonumber(index)
end

-- Images of a caller's own level that are served before the job's first.
local function aheadOfCaller(job)
  local jobs = jobsKey(job.queue, job.level, job.caller)
  local place = redis.call("LPOS", jobs, job.id, "MAXLEN", COUNTED)
  if not place then return tonumber(redis.call("HGET", sharesKey(job.queue, job.level), job.caller) or 0) - job.waiting end
  local ahead = 0
  if place > 0 then
    for _, id in ipairs(redis.call("LRANGE", jobs, 0, place - 1)) do
      ahead = ahead + tonumber(redis.call("HGET", jobKey(id), "waiting") or 0)
    end
  end
  return ahead
end

-- Images ahead of a queued job's first: all of higher levels, the caller's own earlier ones, and of each other caller
-- of the level at most as many.
local function position(job)
  local line = lineKey(job.queue)
  local ahead = 0
  for _, level in ipairs(LEVELS) do
    if level == job.level then break end
    ahead = ahead + tonumber(redis.call("HGET", line, "waiting:" .. level) or 0)
  end
  local own = aheadOfCaller(job)
  local shares = sharesKey(job.queue, job.level)
  local others = 0
  if redis.call("HLEN", shares) <= COUNTED then
    local all = redis.call("HGETALL", shares)
    for at = 1, #all, 2 do
      if all[at] ~= job.caller then others = others + math.min(own, tonumber(all[at + 1])) end
    end
  else
    local inLevel = tonumber(redis.call("HGET", line, "waiting:" .. job.level))
    others = math.min(inLevel - own, own * (redis.call("HLEN", shares) - 1))
  end
  return ahead + own + others
end
