import { Redis } from 'ioredis';

/** BullMQ blocks on one connection per worker, and needs another for everything else. */
export interface QueueConnectionOptions {
  /** True for the connection of a `Worker`: it waits for Redis for ever. */
  readonly blocking: boolean;
}

/** How long a call of the API waits for Redis before it is answered `unavailable`. */
const COMMAND_TIMEOUT_MS = 5_000;
const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** As the other connections: longer than any pause that Redis makes and survives. */
const SOCKET_TIMEOUT_MS = 12_000;
const MIN_READONLY_RECONNECT_MS = 1_000;

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
    reconnectOnError: createReconnectOnError(),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A connection with questions open that hears nothing for so long is dead.
    socketTimeout: SOCKET_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 6)),
    ...(options.blocking
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 2, commandTimeout: COMMAND_TIMEOUT_MS }),
  });
}

/** READONLY, at most once a second: the address may lead to the replica for a while. */
function createReconnectOnError(): (error: Error) => boolean {
  let last = -Infinity;
  return (error) => {
    const now = performance.now();
    if (!error.message.startsWith('READONLY') || now - last < MIN_READONLY_RECONNECT_MS)
      return false;
    last = now;
    return true;
  };
}
