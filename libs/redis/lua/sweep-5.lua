-- Looks at a job that has not ended: closes it if it waits and nobody wants it any more.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job
-- Returns 'missing' | 'ended' | 'running' | 'waiting'
-- Atomic: a claim sees the job closed, or this call sees the claim and leaves the job to its worker.

-- @include job
-- @include events
-- @include close
-- @include stop

local m = redis.call('HMGET', META, 'epoch', 'end', 'worker')
if not m[1] then return 'missing' end
if m[2] then return 'ended' end
if m[3] then return 'running' end
local now = clock()
local order = stop_order_waiting(now)
if not order then return 'waiting' end
close_cancelled(ARGV[1], now, order)
return 'ended'
