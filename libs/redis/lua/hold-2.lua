-- Makes or extends the lease of a gateway on a job.
--
-- KEYS  1 meta  2 holders
-- ARGV  1 gateway  2 lifetime (ms)
-- Returns 1, or 0 if the lease means nothing: the job is not known, has ended, or goes on without viewers
-- Atomic: the expiry is by the clock of Redis, whatever the clock of the gateway says.

local m = redis.call('HMGET', KEYS[1], 'cancels', 'end', 'held', 'openMs')
if m[1] ~= '1' or m[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Leases that ended before this one began say nothing any more.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[2], m[4])
if not m[3] then redis.call('HSET', KEYS[1], 'held', 1) end
return 1
