import { StepcastError, type JobOptions } from '@stepcast/protocol';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { FaultSpellHooks } from './fault-spell.js';
import { QueueMonitor } from './queue-monitor.js';
import { queueName, queuePriority, RETRY_BACKOFF } from './queue-naming.js';

/** What a queue must know of a job. */
export interface QueuedJob {
  readonly id: string;
  readonly model: string;
}

/** BullMQ keeps a stream of events per queue that nobody here reads. */
const MAX_QUEUE_EVENTS = 100;

/**
 * The queues of all models. A queue holds ids only: record, input and log are elsewhere, and what they
 * say is the truth. So every method is idempotent, and a job that is in a queue by mistake does no
 * harm: the worker that takes it finds its log closed.
 *
 * All methods throw `unavailable` when Redis cannot be reached.
 */
export class JobQueues {
  /** In what state the connection is, for health, metrics and the log. */
  readonly monitor: QueueMonitor;
  readonly #connection: Redis;
  readonly #prefix: string;
  readonly #queues = new Map<string, Queue>();

  /**
   * @param connection from `createQueueConnection(url, {blocking: false})`; closed by {@link close}
   * @param prefix from `queuePrefix`
   * @param hooks told when the queues cannot be used, and when they can again
   */
  constructor(connection: Redis, prefix: string, hooks: FaultSpellHooks = SILENT) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.monitor = new QueueMonitor(connection, prefix, hooks);
  }

  /** Puts a job in line. A job that is in the queue already stays where it is. */
  async add(job: QueuedJob & { readonly options: JobOptions }): Promise<void> {
    await reach(async () =>
      this.#queue(job.model).add(
        job.model,
        {},
        {
          jobId: job.id,
          priority: queuePriority(job.options.priority),
          attempts: job.options.attempts,
          backoff: { type: RETRY_BACKOFF },
          removeOnComplete: true,
          removeOnFail: true,
          stackTraceLimit: 0,
        },
      ),
    );
  }

  /** Takes a job out of line; false if a worker has it, so that it stays. */
  async remove(job: QueuedJob): Promise<boolean> {
    return reach(async () => (await this.#queue(job.model).remove(job.id)) === 1);
  }

  /**
   * Lets a job go that waits out the pause before a retry; one that does not, stays as it is. Whether the
   * pause is over is otherwise for the clocks of the workers to say.
   */
  async endPause(job: QueuedJob): Promise<void> {
    await reach(async () => {
      const queued = await this.#queue(job.model).getJob(job.id);
      if (await queued?.isDelayed()) await queued?.promote();
    });
  }

  /** How many jobs of the same model stand before each; 0 for those that do not wait in line. */
  async positions(jobs: readonly QueuedJob[]): Promise<number[]> {
    const commands = jobs.map((job) => ['zrank', this.#key(job.model, 'prioritized'), job.id]);
    return (await this.#pipeline(commands)).map((rank) => Number(rank ?? 0));
  }

  /** Whether each job is known to its queue: waiting, delayed or taken by a worker. */
  async contains(jobs: readonly QueuedJob[]): Promise<boolean[]> {
    const commands = jobs.map((job) => ['exists', this.#key(job.model, job.id)]);
    return (await this.#pipeline(commands)).map((count) => count === 1);
  }

  /** Jobs that wait, per model. */
  async depths(models: readonly string[]): Promise<number[]> {
    const commands = models.flatMap((model) => [
      ['zcard', this.#key(model, 'prioritized')],
      ['llen', this.#key(model, 'wait')],
      ['zcard', this.#key(model, 'delayed')],
    ]);
    const counts = (await this.#pipeline(commands)).map(Number);
    return models.map((_, i) => counts.slice(3 * i, 3 * i + 3).reduce((sum, n) => sum + n, 0));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    this.#connection.disconnect();
  }

  #queue(model: string): Queue {
    let queue = this.#queues.get(model);
    if (queue === undefined) {
      queue = new Queue(queueName(model), {
        connection: this.#connection,
        prefix: this.#prefix,
        skipWaitingForReady: true,
        streams: { events: { maxLen: MAX_QUEUE_EVENTS } },
      });
      queue.on('error', () => undefined);
      this.#queues.set(model, queue);
    }
    return queue;
  }

  #key(model: string, name: string): string {
    return `${this.#prefix}:${queueName(model)}:${name}`;
  }

  async #pipeline(commands: string[][]): Promise<unknown[]> {
    if (commands.length === 0) return [];
    const replies = await reach(async () => this.#connection.pipeline(commands).exec());
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw new StepcastError('unavailable', undefined, { cause: error });
      return reply;
    });
  }
}

/** For tests and scripts: every failed command is reported to its caller anyway. */
const SILENT: FaultSpellHooks = { began: () => undefined, ended: () => undefined };

async function reach<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw cause instanceof StepcastError
      ? cause
      : new StepcastError('unavailable', undefined, { cause });
  }
}
