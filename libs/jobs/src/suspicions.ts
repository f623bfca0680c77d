import type { JobRecord } from '@stepcast/hub';

interface Suspicion {
  readonly reason: string;
  readonly since: number;
  /** Newest event when the suspicion began: a job that writes is alive. */
  readonly top: number;
  readonly attempt: number;
  seenAt: number;
}

/**
 * Remembers for how long something has been wrong with a job without a break. It begins anew when the
 * reason changes, and when the job has written an event or was claimed meanwhile. Pure: time comes in.
 */
export class Suspicions {
  readonly #byJob = new Map<string, Suspicion>();

  get size(): number {
    return this.#byJob.size;
  }

  /** Says that something is wrong with the job now; answers for how long it has been, in ms. */
  confirm(record: JobRecord, reason: string, now: number): number {
    const known = this.#byJob.get(record.id);
    if (known?.reason === reason && known.top === record.top && known.attempt === record.attempt) {
      known.seenAt = now;
      return now - known.since;
    }
    const { top, attempt } = record;
    this.#byJob.set(record.id, { reason, since: now, top, attempt, seenAt: now });
    return 0;
  }

  clear(job: string): void {
    this.#byJob.delete(job);
  }

  /** Drops what has not been confirmed since: jobs that ended are never looked at again. */
  forgetBefore(time: number): void {
    for (const [job, suspicion] of this.#byJob) {
      if (suspicion.seenAt < time) this.#byJob.delete(job);
    }
  }
}
