-- The end of a job. Uses META, LOG, SNAPSHOT, HOLDERS and the functions of events.lua.

-- Records the terminal event and gives every key of the job its end (L8).
local function close(kind, json, now)
  local retain = redis.call('HGET', META, 'retainMs')
  redis.call('HSET', META, 'status', kind, 'end', json, 'finishedAt', digits(now))
  redis.call('HDEL', META, 'worker')
  redis.call('DEL', HOLDERS)
  redis.call('PEXPIRE', META, retain)
  redis.call('PEXPIRE', LOG, retain)
  redis.call('PEXPIRE', SNAPSHOT, retain)
end

-- Closes a job on which nothing runs, by its stop order.
local function close_cancelled(job, now, order)
  local m = redis.call('HMGET', META, 'epoch', 'top', 'attempt')
  local batch = begin(job, m[1], tonumber(m[2]), now)
  local data = '{"by":"' .. order[1] .. '","reason":' .. order[2] .. ',"stoppedAfterMs":0}'
  local json = put(batch, tonumber(m[3]), 'cancelled', data)
  commit(batch)
  close('cancelled', json, now)
end
