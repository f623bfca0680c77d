import { Redis } from 'ioredis';

/** BullMQ blocks on one connection per worker, and needs another for everything else. */
export interface QueueConnectionOptions {
  /** True for the connection of a `Worker`: it waits for Redis for ever. */
  readonly blocking: boolean;
}

/** How long a call of the API waits for Redis before it is answered `unavailable`. */
const COMMAND_TIMEOUT_MS = 5_000;
const MAX_RECONNECT_MS = 2_000;

/**
 * A connection for BullMQ, opened with its first command. Add an `error` listener: without one, ioredis
 * prints every failed reconnect.
 */
export function createQueueConnection(url: string, options: QueueConnectionOptions): Redis {
  return new Redis(url, {
    lazyConnect: true,
    // How long a closed connection may keep its process from ending.
    disconnectTimeout: 500,
    // The server became a replica: the new primary is found by connecting anew. Not sent again by itself:
    // BullMQ's callers try again, and a command without an end of tries would loop.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 6)),
    ...(options.blocking
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 2, commandTimeout: COMMAND_TIMEOUT_MS }),
  });
}
