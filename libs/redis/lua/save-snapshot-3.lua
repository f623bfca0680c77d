-- Stores a snapshot and trims the log up to it (L8).
--
-- KEYS  1 meta  2 log  3 snapshot
-- ARGV  1 attempt  2 token of its claim  3 epoch  4 seq  5 state JSON
-- Returns 1, or 0 if refused: another claim or epoch, ended, above the top
-- Atomic: a reader finds the events, or the snapshot that stands for them. A checkpoint below the snapshot
-- goes with the events: the log could not be folded up to it any more (L9).

local m = redis.call('HMGET', KEYS[1], 'epoch', 'attempt', 'end', 'top', 'openMs', 'ckptSeq', 'token')
local seq = tonumber(ARGV[4])
if m[1] ~= ARGV[3] or m[3] or seq > tonumber(m[4]) then return 0 end
if tonumber(m[2]) ~= tonumber(ARGV[1]) or m[7] ~= ARGV[2] then return 0 end
local old = redis.call('GETRANGE', KEYS[3], 0, 20)
if (tonumber(string.match(old, '^%d+')) or 0) >= seq then return 1 end
redis.call('SET', KEYS[3], ARGV[4] .. ' ' .. ARGV[5], 'PX', m[5])
redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', seq + 1))
if m[6] and tonumber(m[6]) < seq then
  redis.call('HDEL', KEYS[1], 'ckptSeq', 'ckptEpoch', 'ckptVersion', 'ckpt')
end
return 1
