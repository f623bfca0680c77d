-- Adds a duration to the moving average of a model.
--
-- KEYS  1 average
-- ARGV  1 duration (ms)  2 lifetime of the average (ms)
-- Returns nothing of use
-- Atomic: two workers that finish at once are both counted. Each new value weighs one fifth.

local average = tonumber(redis.call('GET', KEYS[1]))
local duration = tonumber(ARGV[1])
if average then duration = average + (duration - average) / 5 end
redis.call('SET', KEYS[1], string.format('%.3f', duration), 'PX', ARGV[2])
