import type { Redis } from 'ioredis';
import pTimeout from 'p-timeout';
import { Canary } from './canary.js';
import { createRedis } from './connection.js';
import { reach } from './errors.js';
import { JobIndex } from './job-index.js';
import { Keys } from './keys.js';
import { RedisJobLog } from './redis-job-log.js';
import { RedisJobLogReader } from './redis-job-log-reader.js';
import { RedisJobRecords } from './redis-job-records.js';
import { RedisLeases } from './redis-leases.js';
import { RedisLogFeed } from './redis-log-feed.js';
import { RedisWorkerDirectory } from './redis-worker-directory.js';
import { RedisWorkerSignals } from './redis-worker-signals.js';
import { StoreMonitor, type StoreNews } from './store-monitor.js';
import { Subscriber } from './subscriber.js';

export interface RedisStoreOptions {
  readonly url: string;
  /** First part of every key; default `stepcast`. */
  readonly keyPrefix?: string;
  /** Shown by `CLIENT LIST`; say which app it is. */
  readonly name?: string;
  /** Told of every connection error. ioredis reconnects by itself. */
  readonly onError?: (error: Error) => void;
  /** Told when trouble begins and when it is over: for the log. */
  readonly onNews?: (news: StoreNews) => void;
}

/**
 * Everything that a process has of Redis: two connections, and the adapter of each port on them.
 * Construct it, `open()` it, and `close()` it last.
 */
export class RedisStore {
  readonly writer: RedisJobLog;
  readonly reader: RedisJobLogReader;
  readonly records: RedisJobRecords;
  readonly leases: RedisLeases;
  readonly feed: RedisLogFeed;
  readonly signals: RedisWorkerSignals;
  readonly directory: RedisWorkerDirectory;
  /** Whether pub/sub delivers; runs from `open()` on. */
  readonly canary: Canary;
  /** In what state Redis is, for health, metrics and the log; runs from `open()` on. */
  readonly monitor: StoreMonitor;

  readonly #commands: Redis;
  readonly #subscriber: Redis;

  constructor(options: RedisStoreOptions) {
    const keys = new Keys(options.keyPrefix ?? 'stepcast');
    const onError = options.onError ?? (() => undefined);
    const onReadonly = (error: Error): void => {
      monitor.failed(error);
    };
    const commands = createRedis(options.url, 'commands', options.name, onReadonly);
    commands.on('error', onError);
    const listening = createRedis(options.url, 'subscriber', options.name).on('error', onError);
    const monitor = new StoreMonitor(
      { keys, commands, subscriber: listening },
      options.onNews ?? (() => undefined),
    );
    const { scripts } = monitor;
    const index = new JobIndex(commands, keys);
    const subscriber = new Subscriber(listening);

    subscriber.onInterrupted(() => {
      monitor.whole();
      this.canary.resubscribed();
    });

    this.monitor = monitor;
    this.#commands = commands;
    this.#subscriber = listening;
    this.writer = new RedisJobLog(keys, scripts, index);
    this.reader = new RedisJobLogReader(commands, keys, scripts);
    this.records = new RedisJobRecords(commands, keys, scripts, index);
    this.leases = new RedisLeases(keys, scripts);
    this.feed = new RedisLogFeed(keys, subscriber);
    this.signals = new RedisWorkerSignals(commands, keys, subscriber);
    this.directory = new RedisWorkerDirectory(commands, keys, scripts);
    this.canary = new Canary(keys, { commands, subscriber: listening }, subscriber, {
      onHeard: () => {
        monitor.heard();
      },
      onSilent: () => {
        monitor.interrupted('silence');
      },
    });
  }

  /**
   * Connects both ways and starts the canary, which proves that pub/sub delivers, and the monitor, which
   * proves that writes are taken.
   * @throws {StepcastError} `unavailable` if Redis does not answer
   */
  async open(): Promise<void> {
    await this.ping();
    await this.canary.start();
    await this.monitor.start();
  }

  /** One round trip on the commands connection, in milliseconds. */
  async ping(): Promise<number> {
    const start = performance.now();
    await reach(this.#commands.ping());
    return performance.now() - start;
  }

  /** Lets commands in flight finish, at most for `deadlineMs`, and closes both connections. */
  async close(deadlineMs = 2_000): Promise<void> {
    this.canary.stop();
    this.monitor.stop();
    const connections = [this.#commands, this.#subscriber];
    const quits = connections
      .filter((redis) => redis.status === 'ready')
      .map((redis) => redis.quit());
    const allQuit = Promise.allSettled(quits);
    // At a limit of 0 nothing is waited for.
    if (deadlineMs > 0) await pTimeout(allQuit, { milliseconds: deadlineMs, message: false });
    for (const redis of connections) redis.disconnect();
  }
}
