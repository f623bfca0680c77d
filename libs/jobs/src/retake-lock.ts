import type { Redis } from 'ioredis';

/**
 * KEYS  1 active list  2 lock  3 job   ARGV  1 job  2 token  3 lifetime of the lock (ms)  4 when it was taken
 * Returns 1 if the lock is ours now. Atomic with BullMQ's own scripts: a job that was found stalled, or
 * that another worker has taken since, is left alone, also when the lock of that one has run out, too.
 */
const SCRIPT = `
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[2] then return 0 end
if not redis.call('LPOS', KEYS[1], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[3], 'processedOn') ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1`;

export interface LostLock {
  /** The `prefix` of the queues. */
  readonly prefix: string;
  readonly queue: string;
  readonly job: string;
  readonly token: string;
  readonly lockMs: number;
  /** `processedOn` of the job as it was taken (ms since 1970): tells one taking from another. */
  readonly takenAt: number;
}

/**
 * Takes a lock again that ran out while Redis could not be reached, if nobody has noticed yet. Else every
 * job that runs would be run anew after an outage that is longer than a lock. BullMQ has no call for it.
 */
export async function retakeLock(connection: Redis, lost: LostLock): Promise<boolean> {
  const { prefix, queue, job, token, lockMs, takenAt } = lost;
  const base = `${prefix}:${queue}`;
  const keys = [`${base}:active`, `${base}:${job}:lock`, `${base}:${job}`];
  const args = [job, token, lockMs, takenAt];
  return (await connection.eval(SCRIPT, keys.length, ...keys, ...args)) === 1;
}
