-- What each caller may ask for: images of the last minute, by second, and images that are not done; and how fast images
-- get done, which says when to come back. Held by test/queue/contract/limits.ts.
local RATE_SLOT_MS = 5000

local function countFinished(now)
  local slot = math.floor(now / RATE_SLOT_MS)
  if redis.call("HINCRBY", RATE, slot, 1) > 1 then return end
  for _, old in ipairs(redis.call("HKEYS", RATE)) do
    if tonumber(old) <= slot - (RATE_WINDOW_MS / RATE_SLOT_MS) then redis.call("HDEL", RATE, old) end
  end
end

-- Whole seconds until `images` more will be done at the rate of the last minute.
local function secondsFor(images, now)
  local slots = redis.call("HGETALL", RATE)
  local done, oldest = 0, nil
  for at = 1, #slots, 2 do
    local slot = tonumber(slots[at])
    if slot > math.floor(now / RATE_SLOT_MS) - (RATE_WINDOW_MS / RATE_SLOT_MS) then
      done = done + tonumber(slots[at + 1])
      if not oldest or slot < oldest then oldest = slot end
    end
  end
  if not oldest then return UNMEASURED_RETRY_S end
  local elapsedMs = math.max(1, now - oldest * RATE_SLOT_MS)
  return math.min(MAX_RETRY_S, math.max(MIN_RETRY_S, math.ceil(images * elapsedMs / done / 1000)))
end

-- A second counts until all of it lies more than the window back.
local function leavesAt(second) return second + LIMIT_WINDOW_S + 1 end

-- Images that the caller asked for within the window, and its seconds that hold some, the oldest first.
local function recentUse(caller, nowS)
  local slots = redis.call("HGETALL", recentKey(caller))
  local images, seconds, byTime = 0, {}, {}
  for at = 1, #slots, 2 do
    local second = tonumber(slots[at])
    if leavesAt(second) > nowS then
      images = images + tonumber(slots[at + 1])
      byTime[second] = tonumber(slots[at + 1])
      seconds[#seconds + 1] = second
    else
      redis.call("HDEL", recentKey(caller), slots[at])
    end
  end
  table.sort(seconds)
  return images, seconds, byTime
end

local function describeUse(caller, nowS)
  local images, seconds = recentUse(caller, nowS)
  local resetS = seconds[1] and math.ceil(leavesAt(seconds[1]) - nowS) or 0
  return { images, resetS, tonumber(redis.call("HGET", UNFINISHED, caller) or 0) }
end

-- Which limit a job of so many images would break, and whole seconds until it may fit; nothing where it fits.
local function brokenLimit(caller, images, perMinute, concurrent, now)
  local nowS = now / 1000
  if perMinute then
    local recent, seconds, byTime = recentUse(caller, nowS)
    local surplus = recent + images - perMinute
    for _, second in ipairs(seconds) do
      if surplus <= 0 then break end
      surplus = surplus - byTime[second]
      if surplus <= 0 then return "imagesPerMinute", math.ceil(leavesAt(second) - nowS) end
    end
  end
  if not concurrent then return nil end
  local surplus = tonumber(redis.call("HGET", UNFINISHED, caller) or 0) + images - concurrent
  if surplus > 0 then return "concurrentImages", secondsFor(surplus, now) end
end

local function countDone(caller, images)
  if images == 0 then return end
  if redis.call("HINCRBY", UNFINISHED, caller, -images) <= 0 then redis.call("HDEL", UNFINISHED, caller) end
end

local function countAccepted(caller, images, perMinute, now)
  redis.call("HINCRBY", UNFINISHED, caller, images)
  if not perMinute then return end
  redis.call("HINCRBY", recentKey(caller), math.floor(now / 1000), images)
  redis.call("EXPIRE", recentKey(caller), LIMIT_WINDOW_S + 2)
end
