-- What a model saved (save-checkpoint-2.lua), for the attempt that goes on from there. It lies in the
-- record: `ckptSeq`, the last event that it covers, `ckptEpoch`, `ckptVersion` and `ckpt`; and
-- `resumeSeq`, which says that the newest attempt goes on behind that event. Uses META, LOG, SNAPSHOT.

local function forget_checkpoint()
  redis.call('HDEL', META, 'ckptSeq', 'ckptEpoch', 'ckptVersion', 'ckpt', 'resumeSeq')
end

-- L9: the seq behind which an attempt of this version can go on, or nil: the log must be of the life that
-- the checkpoint was saved in, and hold, behind its stored snapshot, every event up to there.
local function resume_seq(version, epoch, top)
  local m = redis.call('HMGET', META, 'ckptSeq', 'ckptEpoch', 'ckptVersion')
  local seq = tonumber(m[1])
  if not seq or m[2] ~= epoch or m[3] ~= version or seq > top then return nil end
  local snapshot = tonumber(string.match(redis.call('GETRANGE', SNAPSHOT, 0, 20), '^%d+')) or 0
  if snapshot > seq or redis.call('EXISTS', LOG) == 0 then return nil end
  if snapshot == seq then return seq end
  local first = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
  if not first or tonumber(string.match(first[1], '^%d+')) > snapshot + 1 then return nil end
  return seq
end
