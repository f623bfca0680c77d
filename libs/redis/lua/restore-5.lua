-- Begins a new life of a log that was lost (L6). Its first event is a snapshot.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 attempt  3 epoch  4 seq of the snapshot  5 state JSON  6 producer seq in the state
--       7 how long an open job may live at most (ms)  8 stop order: by or ''  9 reason JSON  10 at
--       11… field, value, … of the record
-- Returns 'restored' | 'fenced' | 'closed'
-- Atomic: viewers see the old life or the new one. A repeat of the same call changes nothing.

-- @include job
-- @include events
-- @include checkpoint

local attempt, seq = tonumber(ARGV[2]), tonumber(ARGV[4])
local m = redis.call('HMGET', META, 'epoch', 'attempt', 'end', 'worker')
if m[1] then
  if m[3] then return 'closed' end
  local newest = tonumber(m[2])
  if newest > attempt or (newest == attempt and not m[4]) then return 'fenced' end
  if m[1] == ARGV[3] then return 'restored' end
end

local now = clock()
redis.call('HSET', META, unpack(ARGV, 11))
-- The snapshot carries the attempt, so no `attempt` event follows: it would void what the state holds.
redis.call('HSET', META, 'server', server(), 'epoch', ARGV[3], 'attempt', attempt, 'marked', attempt, 'pseq', ARGV[6],
  'status', 'running', 'seenAt', digits(now))
-- Who held the job went with the record; holders get the time of a first attach to show up again.
if not m[1] then redis.call('HSET', META, 'interestFrom', digits(now)) end
if ARGV[8] ~= '' and redis.call('HSETNX', META, 'stopBy', ARGV[8]) == 1 then
  redis.call('HSET', META, 'stopReason', ARGV[9], 'stopAt', ARGV[10])
end
-- L9: what was saved covers events of the old life.
forget_checkpoint()
redis.call('DEL', LOG)
redis.call('SET', SNAPSHOT, digits(seq) .. ' ' .. ARGV[5])
local batch = begin(ARGV[1], ARGV[3], seq - 1, now)
put(batch, attempt, 'snapshot', ARGV[5])
commit(batch)
for _, key in ipairs({ META, LOG, SNAPSHOT, HOLDERS }) do redis.call('PEXPIRE', key, ARGV[7]) end
return 'restored'
