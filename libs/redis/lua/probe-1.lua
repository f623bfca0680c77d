-- Proves that Redis takes writes, and tells since when its memory goes back.
--
-- KEYS  1 life
-- ARGV  1 lifetime of the key (ms)  2 since when the caller knows it to go back (ms), or '' at its start
-- Returns {since when (ms since 1970), 1 if there was a memory before that was lost, now, identity of the
--          server, seconds for which it runs}
-- Atomic: the first process to ask stamps the moment for all; each that remembers more says so for all.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = redis.call('GET', KEYS[1]) or (string.format('%.0f', now) .. ' 0')
local born, lost = string.match(life, '^(%d+) (%d)$')
if ARGV[2] ~= '' and tonumber(ARGV[2]) < tonumber(born) then lost = '1' end
redis.call('SET', KEYS[1], born .. ' ' .. lost, 'PX', ARGV[1])
local info = redis.call('INFO', 'server')
local server, seconds = string.match(info, 'run_id:(%w+)'), string.match(info, 'uptime_in_seconds:(%d+)')
return { tonumber(born), tonumber(lost), now, server, tonumber(seconds) }
