/**
 * Submit and wait in one call. While it waits, the call is a holder of the job: a caller that goes away
 * is a viewer that left.
 *
 * - R1 The lease stands before the wait begins and is released exactly once, however the wait ends.
 * - R2 An answer of 202 hands the job over: unless the caller chose a policy, a lease is left that ends
 *   with the job, so that it goes on as one of `POST /v1/jobs` does. Else "come back later" would mean
 *   "in five seconds, or it is gone".
 * - R3 A process that drains answers 202 at once instead of keeping its callers.
 */
import type { HolderLeases, JobRecord, Leases } from '@stepcast/hub';
import type { JobService, Submission } from '@stepcast/jobs';
import { DEFAULT_GRACE_MS, isEnded, type Job } from '@stepcast/protocol';
import type { JobEnds } from './job-ends.js';

/** Longer than any job may be open: the lease ends with the job's keys. */
const HANDED_OVER_MS = 30 * 24 * 3_600_000;

export interface RunOptions {
  readonly waitMs: number;
  /** Aborted when the caller has gone away. */
  readonly gone: AbortSignal;
}

export interface RunServiceParts {
  readonly jobs: JobService;
  readonly ends: JobEnds;
  readonly holders: HolderLeases;
  readonly leases: Leases;
  /** Aborted when the process drains. */
  readonly draining: AbortSignal;
}

export class RunService {
  readonly #parts: RunServiceParts;

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
  }

  /** The job and whether it has ended; undefined when there is nobody left to answer. */
  async run(
    submission: Omit<Submission, 'onDisconnect'>,
    { waitMs, gone }: RunOptions,
  ): Promise<{ job: Job; hasEnded: boolean } | undefined> {
    const { jobs, holders, leases } = this.#parts;
    const { record } = await jobs.submit({
      ...submission,
      onDisconnect: { policy: 'cancel', graceMs: DEFAULT_GRACE_MS },
    });
    const { id } = record;
    await holders.acquire(id);
    try {
      const ended = await this.#wait(id, waitMs, gone);
      if (gone.aborted) return undefined;
      if (ended === undefined && submission.options.onDisconnect === undefined) {
        await leases.hold(id, 'handed over', HANDED_OVER_MS);
      }
      const job = ended === undefined ? await jobs.get(id) : await jobs.view(ended);
      return { job, hasEnded: isEnded(job.status) };
    } finally {
      await holders.release(id);
    }
  }

  #wait(id: string, waitMs: number, gone: AbortSignal): Promise<JobRecord | undefined> {
    const deadline = AbortSignal.timeout(waitMs);
    return this.#parts.ends.wait(id, AbortSignal.any([deadline, gone, this.#parts.draining]));
  }
}
