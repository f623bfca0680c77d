-- The keys of one job, in the order in which every five-key script takes them, and the clock.
local META, LOG, SNAPSHOT, HOLDERS, FEED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- Milliseconds since 1970 by the clock of Redis: the only clock on which processes must agree.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Identity of the server that answers: another one after a restart or a failover, which may have lost
-- the newest events of any log.
local function server()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

-- Lua prints large numbers as 1.7e+12; the wire wants digits.
local function digits(number)
  return string.format('%.0f', number)
end
