/**
 * Submitting, showing and cancelling jobs. A submission is four steps in four places, and the process
 * may die between any two of them:
 *
 *   reserve key ──► write record and event 1 ──► add to queue ──► wake workers
 *
 * - J1 The key is reserved first and stands for an id, so a retry with the same key goes through the
 *   same steps for the same job: each step is idempotent by that id, and the retry completes what was
 *   begun. Without a key, a submission that was answered with an error may still run: at-least-once.
 * - J2 The record is written before the queue is told, so a worker never finds a job without a record.
 * - J3 A job with a record and no place in a queue is open and waiting; the `Sweeper` adds it.
 * - J4 A job that is added again after it has run (a retry that read the record just before it was
 *   taken) is found closed by the worker that takes it.
 * - J5 Waking is a hint; a worker that misses it looks at its queues by itself.
 * - J6 A cancel is true as soon as the record says so. Taking the job out of the queue, and telling the
 *   worker, only make it take effect sooner.
 */
import { randomBytes } from 'node:crypto';
import {
  missingJob,
  type JobQuery,
  type JobRecord,
  type JobRecords,
  type LostJobs,
  type WorkerSignals,
} from '@stepcast/hub';
import type { ModelRegistry } from '@stepcast/models';
import {
  assertDepth,
  completeOptions,
  StepcastError,
  type CancelOrigin,
  type Job,
  type JobOptions,
  type jobOptionsSchema,
  type OnDisconnect,
} from '@stepcast/protocol';
import { v7 as uuidv7 } from 'uuid';
import type * as z from 'zod';
import { fingerprint } from './fingerprint.js';
import type { JobQueues } from './job-queues.js';
import { toJob } from './job-view.js';
import type { QueueBound } from './queue-bound.js';
import type { QueueEstimates } from './queue-estimates.js';

export interface Submission {
  readonly model: string;
  /** As the client sent it; the model's own schema decides. */
  readonly input: unknown;
  readonly options: z.output<typeof jobOptionsSchema>;
  /** Default of the call that submits, for options that do not say. */
  readonly onDisconnect: OnDisconnect;
  readonly idempotencyKey?: string | undefined;
}

export interface Submitted {
  readonly record: JobRecord;
  /** False when the idempotency key stood for a job already. */
  readonly created: boolean;
}

export interface JobServiceParts {
  readonly records: JobRecords;
  readonly queues: Pick<JobQueues, 'add' | 'remove'>;
  readonly estimates: Pick<QueueEstimates, 'of'>;
  readonly bound: Pick<QueueBound, 'take'>;
  readonly signals: WorkerSignals;
  readonly registry: ModelRegistry;
  /** Without it every job of which nothing is known is `job_not_found`. */
  readonly lost?: LostJobs;
  readonly idempotencyTtlMs: number;
  /** Told of failures of what is only a hint. */
  readonly onHintFailed: (error: unknown) => void;
}

/** The id of a submission. */
interface Reserved {
  readonly id: string;
  /** Nobody else can have submitted it. */
  readonly isNew: boolean;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export class JobService {
  readonly #parts: JobServiceParts;

  constructor(parts: JobServiceParts) {
    this.#parts = parts;
  }

  /**
   * Puts a job in line. At-least-once; exactly once with an idempotency key.
   * @throws {StepcastError} `model_not_found`, `invalid_input` with every fault, `idempotency_conflict`,
   *   `queue_full`, `unavailable`
   */
  async submit(submission: Submission): Promise<Submitted> {
    const { records, queues, registry } = this.#parts;
    const { model, input } = submission;
    assertDepth(input);
    registry.parseInput(model, input);
    const options = completeOptions(submission.options, submission.onDisconnect);

    const { id, isNew } = await this.#reserve(submission, options);
    // Who asks again, by its key, for a job that is in line is not one more.
    const isInLine = !isNew && (await records.get(id)) !== undefined;
    if (!isInLine) await this.#parts.bound.take(model);
    // The input is kept as it was sent: defaults are filled in once, where the model runs.
    const { created, record } = await records.create({
      id,
      epoch: randomBytes(6).toString('hex'),
      model,
      input: JSON.stringify(input),
      options,
    });
    if (created || record.status === 'queued') {
      await queues.add(record);
      this.#hint(this.#parts.signals.wake(model));
    }
    return { created, record };
  }

  /** @throws {StepcastError} `job_not_found`; `job_gone` when Redis has lost it; `unavailable` */
  async record(id: string): Promise<JobRecord> {
    const record = UUID.test(id) ? await this.#parts.records.get(id) : undefined;
    if (record === undefined) throw missingJob(id, this.#parts.lost);
    return record;
  }

  /** @throws {StepcastError} as {@link record} */
  async get(id: string): Promise<Job> {
    return this.view(await this.record(id));
  }

  async view(record: JobRecord): Promise<Job> {
    const places = await this.#parts.estimates.of([record]);
    return toJob(record, places.get(record.id) ?? null);
  }

  /** One page of jobs, newest first. */
  async list(query: JobQuery): Promise<{ jobs: Job[]; nextCursor: string | null }> {
    const { records, nextCursor } = await this.#parts.records.list(query);
    const places = await this.#parts.estimates.of(records);
    return {
      jobs: records.map((record) => toJob(record, places.get(record.id) ?? null)),
      nextCursor: nextCursor ?? null,
    };
  }

  /**
   * Orders a job to stop; from any process, for a job in any process. A waiting job is `cancelled` in
   * the answer; a running one is once its work has stopped.
   * @throws {StepcastError} as {@link record}, and `already_finished`
   */
  async cancel(id: string, by: CancelOrigin, reason: string): Promise<JobRecord> {
    const { records, queues, signals } = this.#parts;
    const before = await this.record(id);
    const result = await records.cancel(id, by, reason);
    switch (result.kind) {
      case 'missing':
        throw missingJob(id, this.#parts.lost);
      case 'already_finished':
        throw new StepcastError('already_finished');
      case 'closed':
        this.#hint(queues.remove(before));
        break;
      case 'ordered':
        if (result.worker !== undefined) this.#hint(signals.nudge(result.worker, id));
        break;
    }
    return this.record(id);
  }

  /** The id that the submission's key stands for, or a new one. */
  async #reserve(submission: Submission, options: JobOptions): Promise<Reserved> {
    const mine = uuidv7();
    const { idempotencyKey: key, model, input } = submission;
    if (key === undefined) return { id: mine, isNew: true };
    const print = fingerprint({ model, input, options });
    const reserved = await this.#parts.records.reserveKey(
      `submit:${key}`,
      { job: mine, fingerprint: print },
      this.#parts.idempotencyTtlMs,
    );
    if (reserved.fingerprint !== print) throw new StepcastError('idempotency_conflict');
    return { id: reserved.job, isNew: reserved.job === mine };
  }

  #hint(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      this.#parts.onHintFailed(error);
    });
  }
}
