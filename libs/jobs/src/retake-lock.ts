import type { Redis } from 'ioredis';

/**
 * KEYS  1 active list  2 lock   ARGV  1 job  2 token  3 lifetime of the lock (ms)
 * Returns 1 if the lock is ours now. Atomic with BullMQ's own scripts: a job that was found stalled, or
 * that another worker has locked, is left alone.
 */
const SCRIPT = `
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[2] then return 0 end
if not redis.call('LPOS', KEYS[1], ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1`;

export interface LostLock {
  /** The `prefix` of the queues. */
  readonly prefix: string;
  readonly queue: string;
  readonly job: string;
  readonly token: string;
  readonly lockMs: number;
}

/**
 * Takes a lock again that ran out while Redis could not be reached, if nobody has noticed yet. Else every
 * job that runs would be run anew after an outage that is longer than a lock. BullMQ has no call for it.
 */
export async function retakeLock(connection: Redis, lost: LostLock): Promise<boolean> {
  const { prefix, queue, job, token, lockMs } = lost;
  const base = `${prefix}:${queue}`;
  const keys = [`${base}:active`, `${base}:${job}:lock`];
  return (await connection.eval(SCRIPT, keys.length, ...keys, job, token, lockMs)) === 1;
}
