import type { Redis } from 'ioredis';

/**
 * Longer than it takes every worker to be back after Redis is (queue-connection.ts), and to renew its
 * locks then.
 */
const EXCUSE_MS = 5_000;

/**
 * Call it when the connection is lost. Nobody could renew a lock while Redis was away, and the first
 * worker that is back would take the jobs of all others for stalled. So the first word that a worker says
 * to Redis again is that nobody looks for stalled jobs for a while: BullMQ keeps the key, with an expiry,
 * while a look is recent.
 *
 * Waits in the queue of the connection, in front of every look that is made during the absence.
 */
export async function excuseStalled(
  connection: Redis,
  { prefix, queue }: { readonly prefix: string; readonly queue: string },
): Promise<void> {
  await connection.set(`${prefix}:${queue}:stalled-check`, 'excused', 'PX', EXCUSE_MS);
}
