-- Takes the next attempt of a job for a worker, or closes a job that must not run any more.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 worker  3 token of this claim  4 version of the model if it saves checkpoints, else ''
--       5… record fields to return
-- Returns {'missing'} | {'closed'}
--         | {'claimed', attempt, now, input, {values of the record fields}[, seq, data of the checkpoint]}
-- Atomic: from here on every other claim is refused (L3). A repeat, by ioredis or by the worker when a
-- reply is lost, is known by its token and gets the same attempt again.
-- On another server than the log was written on, the log gets a new epoch: its tail may be lost, and the
-- writer who would have noticed (L6) is gone. Viewers see a reset rather than other events under old seqs.

-- @include job
-- @include events
-- @include close
-- @include stop
-- @include checkpoint

local m = redis.call('HMGET', META, 'epoch', 'end', 'attempt', 'token', 'startedAt', 'openMs', 'server', 'top')
if not m[1] then return { 'missing' } end
if m[2] then return { 'closed' } end
local now = clock()
local attempt = tonumber(m[3])
if m[4] ~= ARGV[3] then
  local order = stop_order_waiting(now)
  if order then
    close_cancelled(ARGV[1], now, order)
    return { 'closed' }
  end
  attempt = attempt + 1
  redis.call('HSET', META, 'attempt', attempt, 'token', ARGV[3], 'claimedAt', digits(now),
    'pseq', 0, 'status', 'running', 'worker', ARGV[2])
  local epoch, seq = m[1], resume_seq(ARGV[4], m[1], tonumber(m[8]))
  local here = server()
  if m[7] ~= here then
    epoch = string.sub(string.gsub(ARGV[3], '%W', ''), 1, 12)
    redis.call('HSET', META, 'server', here, 'epoch', epoch)
  end
  -- L9: what this attempt cannot use is void, because it begins anew.
  if seq then
    redis.call('HSET', META, 'resumeSeq', digits(seq), 'ckptEpoch', epoch)
  else
    forget_checkpoint()
  end
  if not m[5] then redis.call('HSET', META, 'startedAt', digits(now)) end
  -- Attempts lost with their worker are not counted by the bound, so each claim renews it.
  for _, key in ipairs({ META, LOG, SNAPSHOT, HOLDERS }) do redis.call('PEXPIRE', key, m[6]) end
end
local reply = { 'claimed', attempt, now, redis.call('HGET', META, 'input'), redis.call('HMGET', META, unpack(ARGV, 5)) }
local resume = redis.call('HMGET', META, 'resumeSeq', 'ckpt')
if resume[1] and resume[2] then
  reply[6], reply[7] = tonumber(resume[1]), resume[2]
end
return reply
