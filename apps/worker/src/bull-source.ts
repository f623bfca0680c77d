import { Worker, type Job, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { queueName, retryDelayMs } from '@stepcast/jobs';
import type { Logger } from '@stepcast/platform';
import { BullTicket } from './bull-ticket.js';
import type { JobSource, QueueTicket } from './queue-ticket.js';

export interface BullSourceOptions {
  readonly model: string;
  readonly workerId: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly lockMs: number;
  readonly lockRenewMs: number;
  readonly stalledIntervalMs: number;
  readonly maxStalledCount: number;
  readonly logger: Logger;
}

/**
 * The queue of one model, asked for one job at a time. BullMQ's own loop is not used: it would fetch
 * jobs for a model while the slot is busy with another, and hold them.
 */
export class BullSource implements JobSource {
  readonly model: string;
  readonly #options: BullSourceOptions;
  readonly #worker: Worker;
  #taken = 0;

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
    this.#worker.on('error', (err) => {
      options.logger.warn({ err, model: this.model }, 'queue');
    });
    this.#worker.on('stalled', (job) => {
      options.logger.warn({ job, model: this.model }, 'a worker died of this job, or lost it');
    });
  }

  /** Begins to look for jobs whose worker has died. */
  async start(): Promise<void> {
    await this.#worker.startStalledCheckTimer();
  }

  async next(): Promise<QueueTicket | undefined> {
    this.#taken += 1;
    const token = `${this.#options.workerId}:${this.#taken}`;
    const job = await this.#getNextJob(token);
    if (job === undefined) return undefined;
    const { lockMs, lockRenewMs: renewMs, logger } = this.#options;
    return new BullTicket(job, { token, model: this.model, lockMs, renewMs, logger });
  }

  /** With its true type: BullMQ's own forgets the empty queue. */
  async #getNextJob(token: string): Promise<Job | undefined> {
    return this.#worker.getNextJob(token, { block: false });
  }

  async close(): Promise<void> {
    await this.#worker.close();
  }
}
