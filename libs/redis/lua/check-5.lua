-- The control part of append, for a job that is silent.
--
-- KEYS  1 meta  2 log  3 snapshot (unused)  4 holders  5 feed (unused)
-- ARGV  1 attempt  2 token of its claim
-- Returns {'running'[, by, reason, at]} | {'fenced'} | {'closed'} | {'lost'}
-- Atomic: the decision to stop and the look at the leases are one step, so a viewer who came back on
-- another gateway is either seen here, or too late for everybody.

-- @include job
-- @include stop
-- @include fence

local attempt = tonumber(ARGV[1])
local m = redis.call('HMGET', META, 'epoch', 'attempt', 'end', 'worker', 'token')
if not m[1] then return { 'lost' } end
if m[3] then return { 'closed' } end
local newest = tonumber(m[2])
if superseded(attempt, ARGV[2], newest, m[5]) then return { 'fenced' } end
if attempt > newest or redis.call('EXISTS', LOG) == 0 then return { 'lost' } end
if not m[4] then return { 'fenced' } end
return with_order({ 'running' }, stop_order(clock()))
