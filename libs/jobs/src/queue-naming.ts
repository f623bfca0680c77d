/** BullMQ's queue of a model. One queue per model, so that a worker takes only what it can run. */
export function queueName(model: string): string {
  return model;
}

/** BullMQ's `prefix` below the prefix of all keys: `stepcast` → `stepcast:queue`. */
export function queuePrefix(keyPrefix: string): string {
  return `${keyPrefix}:queue`;
}

/**
 * Priority as BullMQ counts it: low runs first, and 0 means "no priority", which is another list. All of
 * ours are above 0, so every waiting job is in one sorted set and its rank there is its place in line.
 */
export function queuePriority(priority: number): number {
  return 101 - priority;
}

/** Name of the backoff under which jobs are added; a BullMQ `Worker` resolves it with {@link retryDelayMs}. */
export const RETRY_BACKOFF = 'stepcast';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/**
 * Pause before the next attempt of a job whose model threw: 0.5 s, 1 s, 2 s … 30 s. For
 * `settings.backoffStrategy`.
 * @param attemptsMade how many attempts have failed, 1 or more
 */
export function retryDelayMs(attemptsMade: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, attemptsMade - 1));
}
