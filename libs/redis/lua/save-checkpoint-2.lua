-- Saves what a model needs to go on behind an event, in place of what it saved before (L9).
--
-- KEYS  1 meta  2 log
-- ARGV  1 attempt  2 token of its claim  3 epoch  4 seq of the last event that it covers
--       5 version of the model  6 data
-- Returns 'saved' | 'fenced' | 'closed' | 'lost'
-- Atomic: one write, and a claim sees the old checkpoint or the new one, whole. One below the newest is
-- a repeat that came late, and is dropped.

-- @include fence

local attempt, seq = tonumber(ARGV[1]), tonumber(ARGV[4])
local m = redis.call('HMGET', KEYS[1], 'epoch', 'top', 'attempt', 'end', 'worker', 'ckptSeq', 'token')
if not m[1] then return 'lost' end
if m[4] then return 'closed' end
local newest = tonumber(m[3])
if superseded(attempt, ARGV[2], newest, m[7]) then return 'fenced' end
if ARGV[3] ~= m[1] or attempt > newest or tonumber(m[2]) < seq then return 'lost' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'lost' end
if not m[5] then return 'fenced' end
if (tonumber(m[6]) or 0) > seq then return 'saved' end
redis.call('HSET', KEYS[1], 'ckptSeq', ARGV[4], 'ckptEpoch', ARGV[3], 'ckptVersion', ARGV[5], 'ckpt', ARGV[6])
return 'saved'
