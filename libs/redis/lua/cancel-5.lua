-- Orders a job to stop; closes it if nothing runs.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 by  3 reason JSON
-- Returns {'missing'} | {'already_finished'} | {'closed'} | {'ordered', worker}
-- Atomic: a claim sees the order, or this call sees the claim. The first order wins.

-- @include job
-- @include events
-- @include close
-- @include stop

local m = redis.call('HMGET', META, 'epoch', 'end', 'worker')
if not m[1] then return { 'missing' } end
if m[2] then return { 'already_finished' } end
local now = clock()
local order = stop_order(now) or give_order(ARGV[2], ARGV[3], now)
if m[3] then return { 'ordered', m[3] } end
close_cancelled(ARGV[1], now, order)
return { 'closed' }
