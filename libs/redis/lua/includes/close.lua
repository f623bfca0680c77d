-- The end of a job. Uses META, LOG, SNAPSHOT, HOLDERS and the functions of events.lua.

-- Records the terminal event and gives every key of the job its end (L8).
local function close(kind, json, now)
  local retain = redis.call('HGET', META, 'retainMs')
  redis.call('HSET', META, 'status', kind, 'end', json, 'finishedAt', digits(now))
  redis.call('HDEL', META, 'worker', 'ckptSeq', 'ckptEpoch', 'ckptVersion', 'ckpt', 'resumeSeq')
  redis.call('DEL', HOLDERS)
  redis.call('PEXPIRE', META, retain)
  redis.call('PEXPIRE', LOG, retain)
  redis.call('PEXPIRE', SNAPSHOT, retain)
end

-- The epoch in which an end from outside is written. On another server than the log was written on, its
-- tail may be lost (claim-5.lua): then it is a new one, named after that server, so that viewers see a
-- reset rather than another event under an old seq, or an end that they take for one they had.
local function epoch_here(epoch, written_on)
  local here = server()
  if written_on == here then return epoch end
  local fresh = string.sub(here, 1, 12)
  redis.call('HSET', META, 'server', here, 'epoch', fresh)
  return fresh
end

-- Closes a job on which nothing runs, by its stop order.
local function close_cancelled(job, now, order)
  local m = redis.call('HMGET', META, 'epoch', 'top', 'attempt', 'server')
  local batch = begin(job, epoch_here(m[1], m[4]), tonumber(m[2]), now)
  local data = '{"by":"' .. order[1] .. '","reason":' .. order[2] .. ',"stoppedAfterMs":0}'
  local json = put(batch, tonumber(m[3]), 'cancelled', data)
  commit(batch)
  close('cancelled', json, now)
end
