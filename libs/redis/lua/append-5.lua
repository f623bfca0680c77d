-- Stores and publishes a batch of events: the one way into a log while its job runs.
--
-- KEYS  1 meta  2 log  3 snapshot  4 holders  5 feed
-- ARGV  1 job  2 attempt  3 token of its claim  4 epoch  5 producer seq of the first event
--       6 expected top  7 progress JSON or ''  8… type, data, type, data, …
-- Returns {'stored', top[, by, reason, at]} | {'fenced'} | {'closed'} | {'gap', expected producer seq}
--         | {'lost'}
-- Atomic: all events of the batch and their one message, or none. Every check comes before the first
-- write, and that is an XADD, so a full Redis refuses the batch whole.

-- @include job
-- @include events
-- @include close
-- @include stop
-- @include fence

local attempt, first = tonumber(ARGV[2]), tonumber(ARGV[5])
local count = (#ARGV - 7) / 2
local m = redis.call('HMGET', META, 'epoch', 'top', 'attempt', 'pseq', 'marked', 'end', 'worker', 'resumeSeq',
  'token')
if not m[1] then return { 'lost' } end
local top, newest, stored = tonumber(m[2]), tonumber(m[3]), tonumber(m[4])
local mine = attempt == newest and ARGV[3] == m[9]
local repeated = mine and ARGV[4] == m[1] and first + count - 1 <= stored

-- L4: after the end only what is in already succeeds.
if m[6] then
  if repeated then return { 'stored', top } end
  return { 'closed' }
end
-- L3: an attempt that was given back writes no more than an older one.
if superseded(attempt, ARGV[3], newest, m[9]) then return { 'fenced' } end
-- L6: another life, or a life that has lost its tail, its claim or its whole stream.
if ARGV[4] ~= m[1] or attempt > newest or top < tonumber(ARGV[6]) then return { 'lost' } end
if redis.call('EXISTS', LOG) == 0 then return { 'lost' } end

local now = clock()
-- L2: the same events again.
if repeated then return with_order({ 'stored', top }, stop_order(now)) end
if not m[7] then return { 'fenced' } end
if first > stored + 1 then return { 'gap', stored + 1 } end

local batch = begin(ARGV[1], m[1], top, now)
if tonumber(m[5]) < attempt then
  local mode = m[8] and 'resume' or 'restart'
  local from = digits(m[8] and m[8] + 1 or top + 2)
  put(batch, attempt, 'attempt', '{"attempt":' .. ARGV[2] .. ',"mode":"' .. mode .. '","fromSeq":' .. from .. '}')
  redis.call('HSET', META, 'marked', attempt)
end
local kind, json
for i = 8 + 2 * (stored + 1 - first), #ARGV, 2 do
  kind = ARGV[i]
  json = put(batch, attempt, kind, ARGV[i + 1])
end
redis.call('HSET', META, 'pseq', first + count - 1)
if ARGV[7] ~= '' then redis.call('HSET', META, 'progress', ARGV[7]) end
commit(batch)

if kind == 'completed' or kind == 'failed' or kind == 'cancelled' then
  close(kind, json, now)
  return { 'stored', batch.top }
end
return with_order({ 'stored', batch.top }, stop_order(now))
