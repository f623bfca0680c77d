-- Gives a failed attempt back to the queue.
--
-- KEYS  1 meta
-- ARGV  1 attempt  2 token of its claim
-- Returns 1, or 0 if another claim has the job or it has ended
-- Atomic: from here on the attempt may not append.

local m = redis.call('HMGET', KEYS[1], 'attempt', 'end', 'token')
if not m[1] or m[2] or tonumber(m[1]) ~= tonumber(ARGV[1]) or m[3] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'status', 'queued')
redis.call('HDEL', KEYS[1], 'worker')
return 1
