-- Appending: events become JSON and stream entries one by one, and one message when all are in.
-- Uses META, LOG, FEED and digits().

local function begin(job, epoch, top, now)
  return { job = job, epoch = epoch, top = top, first = top + 1, now = now, types = {}, lines = {} }
end

-- Appends one event. `data` is JSON and is passed on as it is: cjson would turn 1.0 into 1 and [] into
-- {}. The order of the fields is fixed, because relays read the type without parsing.
local function put(batch, attempt, kind, data)
  batch.top = batch.top + 1
  local seq = digits(batch.top)
  local json = '{"job":"' .. batch.job .. '","seq":' .. seq .. ',"attempt":' .. digits(attempt)
    .. ',"type":"' .. kind .. '","at":' .. digits(batch.now) .. ',"data":' .. data .. '}'
  redis.call('XADD', LOG, seq .. '-0', 'e', json)
  batch.types[#batch.types + 1] = kind
  batch.lines[#batch.lines + 1] = json
  return json
end

-- Remembers the top and sends what was put as one message: a header line
-- `1 <epoch> <seq of the first event> <type>,<type>,…`, then one event a line.
-- In a cluster this PUBLISH becomes SPUBLISH: the channel carries the hash tag of the job already.
local function commit(batch)
  redis.call('HSET', META, 'top', digits(batch.top))
  local header = '1 ' .. batch.epoch .. ' ' .. digits(batch.first) .. ' ' .. table.concat(batch.types, ',')
  redis.call('PUBLISH', FEED, header .. '\n' .. table.concat(batch.lines, '\n'))
end
