-- L3: whether an attempt may write no more. A newer one has claimed the job, or another claim bears its
-- number: a Redis that lost a claim gives the number out again, and both workers live.
local function superseded(attempt, token, newest, holder)
  attempt, newest = tonumber(attempt), tonumber(newest)
  return attempt < newest or (attempt == newest and token ~= holder)
end
