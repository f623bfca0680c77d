-- Reads record and events from one seq on.
--
-- KEYS  1 meta  2 log  3 snapshot
-- ARGV  1 after  2 most events  3 most bytes of events  4… record fields to return
-- Returns nil if the job is not known, else
--   {{values of the record fields}, first seq, '<seq> <state JSON>' or nil, {event JSON, …}}
-- Atomic: record, snapshot and events are of one moment. Events are contiguous from `first seq` on; when
-- those behind `after` are not there, the stored snapshot takes their place, if there is one.

local top = tonumber(redis.call('HGET', KEYS[1], 'top'))
if not top then return false end
local limit, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
-- Events are fetched in slices, so that one call never holds a thousand of the largest in memory.
local SLICE = 64

local function range(from)
  local found, bytes, seq = {}, 0, from
  while #found < limit do
    local wanted = math.min(limit - #found, SLICE)
    local slice = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', seq), '+', 'COUNT', wanted)
    for _, entry in ipairs(slice) do
      local json = entry[2][2]
      bytes = bytes + #json
      if tonumber(string.match(entry[1], '^%d+')) ~= seq then return found end
      if #found > 0 and bytes > max_bytes then return found end
      found[#found + 1] = json
      seq = seq + 1
    end
    if #slice < wanted then return found end
  end
  return found
end

local from = tonumber(ARGV[1]) + 1
local events = range(from)
local snapshot = false
if #events == 0 and from <= top and limit > 0 then
  snapshot = redis.call('GET', KEYS[3])
  local seq = snapshot and tonumber(string.match(snapshot, '^%d+')) or 0
  if seq >= from then
    from = seq + 1
    events = range(from)
  else
    snapshot = false
  end
end
return { redis.call('HMGET', KEYS[1], unpack(ARGV, 4)), from, snapshot, events }
