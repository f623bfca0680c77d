-- Ends a job from outside as failed.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 data of the event
-- Returns 1, or 0 if the job is not known or has ended
-- Atomic: takes an attempt number of its own, so that whatever still works on the job is fenced.

-- @include job
-- @include events
-- @include close

local m = redis.call('HMGET', META, 'epoch', 'end', 'attempt', 'top', 'server')
if not m[1] or m[2] then return 0 end
local now = clock()
local attempt = tonumber(m[3]) + 1
redis.call('HSET', META, 'attempt', attempt, 'marked', attempt, 'pseq', 0)
local batch = begin(ARGV[1], epoch_here(m[1], m[5]), tonumber(m[4]), now)
local json = put(batch, attempt, 'failed', ARGV[2])
commit(batch)
close('failed', json, now)
return 1
