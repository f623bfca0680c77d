-- Ends the lease of a gateway on a job.
--
-- KEYS  1 meta  2 holders
-- ARGV  1 gateway
-- Returns 1 if nobody holds the job any more, else 0
-- Atomic: the moment from which grace counts is stamped by the last one to leave.

if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf') > 0 then return 0 end
redis.call('HSET', KEYS[1], 'idleAt', now)
return 1
