-- Saves what a model needs to go on behind an event, in place of what it saved before (L9).
--
-- KEYS  1 meta  2 log
-- ARGV  1 attempt  2 epoch  3 seq of the last event that it covers  4 version of the model  5 data
-- Returns 'saved' | 'fenced' | 'closed' | 'lost'
-- Atomic: one write, and a claim sees the old checkpoint or the new one, whole. One below the newest is
-- a repeat that came late, and is dropped.

local attempt, seq = tonumber(ARGV[1]), tonumber(ARGV[3])
local m = redis.call('HMGET', KEYS[1], 'epoch', 'top', 'attempt', 'end', 'worker', 'ckptSeq')
if not m[1] then return 'lost' end
if m[4] then return 'closed' end
local newest = tonumber(m[3])
if attempt < newest then return 'fenced' end
if ARGV[2] ~= m[1] or attempt > newest or tonumber(m[2]) < seq then return 'lost' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'lost' end
if not m[5] then return 'fenced' end
if (tonumber(m[6]) or 0) > seq then return 'saved' end
redis.call('HSET', KEYS[1], 'ckptSeq', ARGV[3], 'ckptEpoch', ARGV[2], 'ckptVersion', ARGV[4], 'ckpt', ARGV[5])
return 'saved'
