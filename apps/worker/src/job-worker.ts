/**
 * A worker as a whole.
 *
 *   start: hosts warm up ─► announced ─► jobs are taken
 *   stop:  refuse ─► drain: jobs may end ─► the rest is given back ─► hosts are killed ─► queues close
 *
 * - K1 After `refuse` no job is taken.
 * - K2 After `drain` no job runs here and no host process is left, whatever the jobs do; what did not end
 *   is in its queue again.
 */
import type { WorkerSignals } from '@stepcast/hub';
import type { QueueMonitor } from '@stepcast/jobs';
import type { ModelRegistry } from '@stepcast/models';
import type { Redis } from 'ioredis';
import { background, type Logger } from '@stepcast/platform';
import pTimeout from 'p-timeout';
import type { Announcer } from './announcer.js';
import type { Dispatcher } from './dispatcher.js';
import type { HostPool } from './host/host-pool.js';
import type { ModelHost } from './host/model-host.js';
import type { JobRunner } from './job-runner.js';
import type { QueueSources } from './queue-sources.js';

export interface JobWorkerParts {
  readonly id: string;
  readonly pool: HostPool;
  readonly registry: ModelRegistry;
  readonly runner: JobRunner;
  readonly dispatcher: Dispatcher<ModelHost>;
  readonly announcer: Announcer;
  readonly sources: QueueSources;
  /** What the sources share. */
  readonly connection: Redis;
  /** In what state that connection is. */
  readonly queue: QueueMonitor;
  readonly signals: WorkerSignals;
  readonly logger: Logger;
  readonly killAfterMs: number;
}

/** What giving back takes beyond the end of the model: one round trip to the log, one to the queue. */
const GIVE_BACK_MS = 2_000;

export class JobWorker {
  readonly #parts: JobWorkerParts;
  #stopFollowing: () => void = () => undefined;

  constructor(parts: JobWorkerParts) {
    this.#parts = parts;
  }

  get queue(): QueueMonitor {
    return this.#parts.queue;
  }

  /** @throws {Error} when no model can be run, saying why */
  checkHosts(): ReturnType<HostPool['check']> {
    return this.#parts.pool.check();
  }

  async start(): Promise<void> {
    const { id, pool, runner, registry, dispatcher } = this.#parts;
    const { announcer, sources, signals, logger } = this.#parts;
    // Before anything is waited for, so that no change is missed.
    this.#stopFollowing = registry.onChange((change) => {
      logger.info(change, 'the models have changed');
      background(this.#follow(), logger, 'follow the models');
    });
    pool.start();
    await signals.onNudge(id, (job) => {
      runner.nudge(job);
    });
    await signals.onWake(() => {
      dispatcher.poke();
    });
    await sources.start();
    announcer.start();
    dispatcher.start();
  }

  async refuse(): Promise<void> {
    this.#stopFollowing();
    await this.#parts.dispatcher.refuse();
  }

  /** Lets current jobs end within `timeoutMs`; gives back in time what will not. */
  async drain(timeoutMs: number): Promise<void> {
    const { announcer, dispatcher, killAfterMs, logger, pool, runner } = this.#parts;
    await dispatcher.refuse();
    const reserveMs = Math.min(timeoutMs / 2, killAfterMs + GIVE_BACK_MS);
    if (!(await this.#isIdleWithin(timeoutMs - reserveMs))) {
      logger.warn('jobs did not end in time: they are given back');
      runner.handBackAll();
      if (!(await this.#isIdleWithin(Math.max(0, reserveMs - GIVE_BACK_MS)))) await pool.close();
      await this.#isIdleWithin(GIVE_BACK_MS / 2);
    }
    await pool.close();
    runner.abandonAll();
    await announcer.stop().catch((err: unknown) => {
      logger.warn({ err }, 'the worker could not be withdrawn');
    });
  }

  async close(): Promise<void> {
    const { connection, sources } = this.#parts;
    await sources.close();
    connection.disconnect();
  }

  /** New hosts with the models as they are now, and a queue for each: what runs ends as it began. */
  async #follow(): Promise<void> {
    const { dispatcher, pool, registry, sources } = this.#parts;
    pool.renew();
    await sources.follow(registry.list().map(({ name }) => name));
    dispatcher.poke();
  }

  #isIdleWithin(timeoutMs: number): Promise<boolean> {
    const idle = this.#parts.dispatcher.idle().then(() => true);
    // The library takes no 0: a worker that need not wait looks once.
    return pTimeout(idle, { milliseconds: Math.max(1, timeoutMs), fallback: () => false });
  }
}
