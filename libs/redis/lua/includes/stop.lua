-- Whether a job must stop. The first order wins and is never taken back. An order is
-- {by, reason as JSON, at}. The same decision in TypeScript: libs/hub/src/memory/stop-decision.ts.
-- Uses META, HOLDERS and digits().

-- A worker looks at its job every second and a gateway refreshes its leases every two. When nobody has
-- looked for longer than SILENCE_MS, Redis itself may have been away, and leases ran out because nobody
-- could refresh them: an expired lease is then believed only EXCUSE_MS later, once per expiry.
local SILENCE_MS, EXCUSE_MS = 2500, 5000

local function give_order(by, reason, now)
  redis.call('HSET', META, 'stopBy', by, 'stopReason', reason, 'stopAt', digits(now))
  return { by, reason, now }
end

local function lost_interest(now)
  local m = redis.call('HMGET', META, 'cancels', 'graceMs', 'firstAttachMs', 'interestFrom', 'held',
    'idleAt', 'seenAt', 'trustAt')
  if m[1] ~= '1' then return false end
  local lease = redis.call('ZREVRANGE', HOLDERS, 0, 0, 'WITHSCORES')
  local expiry = tonumber(lease[2]) or 0
  if expiry > now then return false end
  if not m[5] then return now > tonumber(m[4]) + tonumber(m[3]) end
  local released, seen, trust = tonumber(m[6]) or 0, tonumber(m[7]) or 0, tonumber(m[8]) or 0
  local grace = tonumber(m[2])
  if released == 0 and expiry == 0 then
    -- The leases are gone without a trace: count from here.
    redis.call('HSET', META, 'idleAt', digits(now))
    return false
  end
  if released >= expiry then return now > released + grace end
  if now - seen > SILENCE_MS and trust <= expiry then
    trust = now + EXCUSE_MS
    redis.call('HSET', META, 'trustAt', digits(trust))
  end
  return now >= trust and now > expiry + grace
end

-- The standing order, or the one that is due now, or nil.
local function stop_order(now)
  local m = redis.call('HMGET', META, 'stopBy', 'stopReason', 'stopAt')
  if m[1] then return { m[1], m[2], tonumber(m[3]) } end
  local lost = lost_interest(now)
  redis.call('HSET', META, 'seenAt', digits(now))
  if lost then return give_order('disconnect', '"Nobody was watching any more."', now) end
  return nil
end

-- stop_order() for a job on which nothing runs: the start deadline counts too.
local function stop_order_waiting(now)
  local order = stop_order(now)
  if order then return order end
  local m = redis.call('HMGET', META, 'startedAt', 'createdAt', 'startTimeoutMs')
  if not m[1] and now > tonumber(m[2]) + tonumber(m[3]) then
    return give_order('timeout', '"The job waited in the queue for longer than startTimeoutMs."', now)
  end
  return nil
end

-- An answer with its control bits (L7): the order is left out when there is none.
local function with_order(answer, order)
  if order then
    answer[#answer + 1] = order[1]
    answer[#answer + 1] = order[2]
    answer[#answer + 1] = order[3]
  end
  return answer
end
