import { Worker, type Job, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { queueName, retakeLock, retryDelayMs, type QueueMonitor } from '@stepcast/jobs';
import type { Logger } from '@stepcast/platform';
import { BullTicket } from './bull-ticket.js';
import type { JobSource, QueueTicket } from './queue-ticket.js';
import { StalledLooks } from './stalled-looks.js';

export interface BullSourceOptions {
  readonly model: string;
  readonly workerId: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly lockMs: number;
  readonly lockRenewMs: number;
  readonly stalledIntervalMs: number;
  readonly maxStalledCount: number;
  /** Where failures of the queues are told, of all sources of a worker together. */
  readonly monitor: Pick<QueueMonitor, 'failed'>;
  readonly logger: Logger;
}

/**
 * The queue of one model, asked for one job at a time. BullMQ's own loops are not used: the one would fetch
 * jobs for a model while the slot is busy with another, and hold them; the other looks for stalled jobs
 * also when Redis was away ({@link StalledLooks}).
 */
export class BullSource implements JobSource {
  readonly model: string;
  readonly #options: BullSourceOptions;
  readonly #worker: Worker;
  readonly #looks: StalledLooks;
  #taken = 0;
  #onStalled: () => void = () => undefined;

  constructor(options: BullSourceOptions) {
    this.#options = options;
    this.model = options.model;
    const settings: WorkerOptions = {
      connection: options.connection,
      prefix: options.prefix,
      autorun: false,
      lockDuration: options.lockMs,
      stalledInterval: options.stalledIntervalMs,
      maxStalledCount: options.maxStalledCount,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      settings: { backoffStrategy: (attemptsMade?: number) => retryDelayMs(attemptsMade ?? 1) },
    };
    this.#worker = new Worker(queueName(options.model), null, settings);
    // Those of the connection, which all sources share: the monitor hears them once.
    this.#worker.on('error', () => undefined);
    this.#looks = new StalledLooks({
      connection: options.connection,
      prefix: options.prefix,
      queue: queueName(options.model),
      intervalMs: options.stalledIntervalMs,
      look: () => this.#worker.getBackend().moveStalledJobsToWait(),
      onStalled: (job) => {
        options.logger.warn({ job, model: this.model }, 'a worker died of this job, or lost it');
        this.#onStalled();
      },
      onFailed: options.monitor.failed,
    });
  }

  /** Called when a job of a dead worker is in line again: whoever has a free slot should look. */
  onStalled(listener: () => void): void {
    this.#onStalled = listener;
  }

  /** Begins to look for jobs whose worker has died. */
  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    this.#looks.start();
  }

  /** As a queue that cannot be asked has no job to give, it answers undefined; the monitor tells of it. */
  async next(): Promise<QueueTicket | undefined> {
    this.#taken += 1;
    const token = `${this.#options.workerId}:${this.#taken}`;
    const { lockMs, lockRenewMs: renewMs, logger, monitor } = this.#options;
    let job: Job | undefined;
    try {
      job = await this.#getNextJob(token);
    } catch (error) {
      monitor.failed(error);
    }
    if (job === undefined) return undefined;
    return new BullTicket(job, {
      ...{ token, lockMs, renewMs, logger },
      model: this.model,
      retake: () => this.#retake(job, token),
    });
  }

  #retake({ id: job = '', processedOn: takenAt = 0 }: Job, token: string): Promise<boolean> {
    const { connection, lockMs, prefix } = this.#options;
    const queue = queueName(this.model);
    return retakeLock(connection, { prefix, queue, job, token, lockMs, takenAt });
  }

  /** Every job is added with a priority; those of dead workers come back to the list of those without. */
  async hasWaiting(): Promise<boolean> {
    const { connection, monitor } = this.#options;
    try {
      const [added, back] = await Promise.all([
        connection.zcard(this.#worker.toKey('prioritized')),
        connection.llen(this.#worker.toKey('wait')),
      ]);
      return added + back > 0;
    } catch (error) {
      monitor.failed(error);
      return false;
    }
  }

  /** With its true type: BullMQ's own forgets the empty queue. */
  async #getNextJob(token: string): Promise<Job | undefined> {
    return this.#worker.getNextJob(token, { block: false });
  }

  /** Waits for no answer: the connection that BullMQ closes here is idle, and Redis may be away. */
  async close(): Promise<void> {
    this.#looks.stop();
    await this.#worker.close(true);
  }
}
