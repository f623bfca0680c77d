import { Redis, type RedisOptions } from 'ioredis';

/** `commands`: everything but subscriptions. `subscriber`: subscriptions and nothing else. */
export type ConnectionRole = 'commands' | 'subscriber';

/** How replies are mapped stays at its default; the type of the connection depends on it. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** Longest pause between two attempts to connect: a Redis that is back is found within a second. */
const MAX_RECONNECT_DELAY_MS = 1_000;

/**
 * A connection with questions open that hears nothing for so long is dead (a cable, a frozen host). Longer
 * than any pause that Redis makes and survives: a fork, a slow disk, `DEBUG SLEEP 5`.
 */
const SOCKET_TIMEOUT_MS = 12_000;

const COMMON: Options = {
  lazyConnect: true,
  connectTimeout: 5_000,
  // How long a connection that we close may take to end politely before it is cut.
  disconnectTimeout: 500,
  socketTimeout: SOCKET_TIMEOUT_MS,
  // A half-open connection is noticed by probes even when nothing is being sent.
  keepAlive: 10_000,
  retryStrategy: (times) =>
    Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_DELAY_MS) + Math.random() * 50,
  // With these delays commands wait two to six seconds for a Redis that is away, then fail. The queue is
  // emptied as often, so that an outage of any length costs a bounded amount of memory. No
  // `commandTimeout`: its timers outlive `disconnect()`; errors.ts has the deadline of a call.
  maxRetriesPerRequest: 5,
};

const BY_ROLE: Record<ConnectionRole, Options> = {
  commands: {
    // One write and one read for all commands of an event-loop turn.
    enableAutoPipelining: true,
  },
  subscriber: {
    // The subscriber knows what it wants to hear and says so itself after a reconnect, because it must
    // know when Redis has confirmed (subscriber.ts).
    autoResubscribe: false,
  },
};

/** How often a connection is given up because its server takes no writes. */
const MIN_READONLY_RECONNECT_MS = 1_000;

/**
 * READONLY: this server became a replica. Connect anew (to the new primary) and send the command again,
 * which is safe because every script here may run twice. If that is a replica too, the call fails and its
 * caller tries again later: a command that is sent again for ever would be a loop without a pause.
 */
function createReconnectOnError(onReadonly: (error: Error) => void): (error: Error) => 2 | false {
  let last = -Infinity;
  return (error) => {
    if (!error.message.startsWith('READONLY')) return false;
    onReadonly(error);
    const now = performance.now();
    if (now - last < MIN_READONLY_RECONNECT_MS) return false;
    last = now;
    return 2;
  };
}

/**
 * A connection with the options of its role. It connects with the first command, or by `connect()`.
 * The caller must listen to `error`: ioredis prints what nobody listens to.
 * @param onReadonly told when the server takes no writes, also if the command is then sent again
 */
export function createRedis(
  url: string,
  role: ConnectionRole,
  name = 'stepcast',
  onReadonly: (error: Error) => void = () => undefined,
): Redis {
  return new Redis(url, {
    ...COMMON,
    ...BY_ROLE[role],
    reconnectOnError: createReconnectOnError(onReadonly),
    connectionName: `${name}:${role}`,
  });
}
