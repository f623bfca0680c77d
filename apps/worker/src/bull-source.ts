import { Worker, type Job, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  excuseStalled,
  queueName,
  retakeLock,
  retryDelayMs,
  type FaultSpell,
} from '@stepcast/jobs';
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
  /** Where failures of the queues are told, of all sources of a worker together. */
  readonly spell: FaultSpell;
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
  #onStalled: () => void = () => undefined;
  #isExcusing = false;

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
      options.spell.failed(err);
    });
    this.#worker.on('stalled', (job) => {
      options.logger.warn({ job, model: this.model }, 'a worker died of this job, or lost it');
      this.#onStalled();
    });
  }

  /** Called when a job of a dead worker is in line again: whoever has a free slot should look. */
  onStalled(listener: () => void): void {
    this.#onStalled = listener;
  }

  /** Begins to look for jobs whose worker has died. */
  async start(): Promise<void> {
    await this.#worker.startStalledCheckTimer();
  }

  /** As a queue that cannot be asked has no job to give, it answers undefined; the spell tells of it. */
  async next(): Promise<QueueTicket | undefined> {
    this.#taken += 1;
    const token = `${this.#options.workerId}:${this.#taken}`;
    const { lockMs, lockRenewMs: renewMs, logger, spell } = this.#options;
    let job: Job | undefined;
    try {
      job = await this.#getNextJob(token);
      spell.worked();
    } catch (error) {
      spell.failed(error);
    }
    if (job === undefined) return undefined;
    return new BullTicket(job, {
      ...{ token, lockMs, renewMs, logger },
      model: this.model,
      retake: () => this.#retake(job.id ?? '', token),
    });
  }

  #retake(job: string, token: string): Promise<boolean> {
    const { connection, lockMs, prefix } = this.#options;
    return retakeLock(connection, { prefix, queue: queueName(this.model), job, token, lockMs });
  }

  /** With its true type: BullMQ's own forgets the empty queue. */
  async #getNextJob(token: string): Promise<Job | undefined> {
    return this.#worker.getNextJob(token, { block: false });
  }

  /** The connection is lost: nobody's jobs are stalled merely because Redis was away. */
  async excuseStalled(): Promise<void> {
    if (this.#isExcusing) return;
    this.#isExcusing = true;
    const { connection, prefix } = this.#options;
    try {
      await excuseStalled(connection, { prefix, queue: queueName(this.model) });
    } catch {
      // The connection was closed for good, or Redis is full: jobs may then be taken for stalled.
    } finally {
      this.#isExcusing = false;
    }
  }

  async close(): Promise<void> {
    await this.#worker.close();
  }
}
