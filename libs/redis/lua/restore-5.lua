-- Begins a new life of a log that was lost (L6). Its first event is a snapshot.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 attempt  3 token of its claim  4 when that was, by the clock of Redis  5 epoch
--       6 seq of the snapshot  7 state JSON  8 producer seq in the state
--       9 how long an open job may live at most (ms)  10 stop order: by or ''  11 reason JSON  12 at
--       13… field, value, … of the record
-- Returns 'restored' | 'fenced' | 'closed'
-- Atomic: viewers see the old life or the new one. A repeat of the same call changes nothing.
-- A Redis that lost several claims counts on from an older one. So of two numbers the higher is not always
-- the newer: a claim that was made later has the job (L3).

-- @include job
-- @include events
-- @include checkpoint
-- @include fence

local attempt, seq = tonumber(ARGV[2]), tonumber(ARGV[6])
local m = redis.call('HMGET', META, 'epoch', 'attempt', 'end', 'worker', 'token', 'claimedAt')
if m[1] then
  if m[3] then return 'closed' end
  local newest = tonumber(m[2])
  if superseded(attempt, ARGV[3], newest, m[5]) then return 'fenced' end
  if newest == attempt and not m[4] then return 'fenced' end
  if newest < attempt and m[4] and tonumber(m[6] or 0) > tonumber(ARGV[4]) then return 'fenced' end
  if m[1] == ARGV[5] then return 'restored' end
end

local now = clock()
redis.call('HSET', META, unpack(ARGV, 13))
-- The snapshot carries the attempt, so no `attempt` event follows: it would void what the state holds.
redis.call('HSET', META, 'server', server(), 'epoch', ARGV[5], 'attempt', attempt, 'token', ARGV[3],
  'claimedAt', ARGV[4], 'marked', attempt, 'pseq', ARGV[8], 'status', 'running', 'seenAt', digits(now))
-- Who held the job went with the record; holders get the time of a first attach to show up again.
if not m[1] then redis.call('HSET', META, 'interestFrom', digits(now)) end
if ARGV[10] ~= '' and redis.call('HSETNX', META, 'stopBy', ARGV[10]) == 1 then
  redis.call('HSET', META, 'stopReason', ARGV[11], 'stopAt', ARGV[12])
end
-- L9: what was saved covers events of the old life.
forget_checkpoint()
redis.call('DEL', LOG)
redis.call('SET', SNAPSHOT, digits(seq) .. ' ' .. ARGV[7])
local batch = begin(ARGV[1], ARGV[5], seq - 1, now)
put(batch, attempt, 'snapshot', ARGV[7])
commit(batch)
for _, key in ipairs({ META, LOG, SNAPSHOT, HOLDERS }) do redis.call('PEXPIRE', key, ARGV[9]) end
return 'restored'
