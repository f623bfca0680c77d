-- Writes the record of a new job and its first event, `queued`.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 epoch  3 data of the event  4 how long an open job may live at most (ms)
--       5 number of record fields  6… the fields to return, then field, value, … of the record
-- Returns {1 if made here else 0, {values of the record fields}}
-- Atomic: record, event and message appear together. A job that exists is returned as it is.

-- @include job
-- @include events

local count = tonumber(ARGV[5])
local created = 0
if redis.call('EXISTS', META) == 0 then
  created = 1
  local now = clock()
  redis.call('DEL', LOG, SNAPSHOT, HOLDERS)
  redis.call('HSET', META, unpack(ARGV, 6 + count))
  redis.call('HSET', META, 'server', server(), 'epoch', ARGV[2], 'attempt', 0, 'marked', 1, 'pseq', 0, 'status', 'queued',
    'createdAt', digits(now), 'interestFrom', digits(now), 'seenAt', digits(now))
  local batch = begin(ARGV[1], ARGV[2], 0, now)
  put(batch, 0, 'queued', ARGV[3])
  commit(batch)
  redis.call('PEXPIRE', META, ARGV[4])
  redis.call('PEXPIRE', LOG, ARGV[4])
end
return { created, redis.call('HMGET', META, unpack(ARGV, 6, 5 + count)) }
