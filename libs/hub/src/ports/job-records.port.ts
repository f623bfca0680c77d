import type { CancelOrigin, JobStatus } from '@stepcast/protocol';
import type { JobRecord, NewJob } from './job-log.port.js';

/** Records of jobs as the API sees them: make, look up, list, cancel. */
export const JOB_RECORDS = Symbol('JobRecords');

export type CancelResult =
  /** Was waiting: `cancelled` is in the log already; nothing ran and nothing will. */
  | { readonly kind: 'closed' }
  /** Runs: the order stands, the worker named here is to be told. */
  | { readonly kind: 'ordered'; readonly worker?: string }
  | { readonly kind: 'already_finished' }
  | { readonly kind: 'missing' };

export interface JobQuery {
  readonly model?: string;
  readonly status?: JobStatus;
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface JobPage {
  readonly records: readonly JobRecord[];
  /** Absent on the last page. A page may be shorter than `limit` and still have a cursor. */
  readonly nextCursor?: string;
}

export interface JobRecords {
  /**
   * Writes the record and event 1 (`queued`). Idempotent by id: a job that exists is returned as it is.
   */
  create(job: NewJob): Promise<{ readonly created: boolean; readonly record: JobRecord }>;

  get(job: string): Promise<JobRecord | undefined>;

  /** Newest first. What it finds that has not ended is in {@link open} afterwards. */
  list(query: JobQuery): Promise<JobPage>;

  /**
   * Orders a job to stop. Idempotent: the first order wins. A job that no worker holds is closed at
   * once with a `cancelled` event.
   */
  cancel(job: string, by: CancelOrigin, reason: string): Promise<CancelResult>;

  /**
   * Ends a job from outside, as a new attempt would: fences the last one and appends the terminal
   * `failed` event. For jobs whose workers are all dead. False if the job has ended or is not known.
   */
  fail(job: string, code: string, message: string): Promise<boolean>;

  /** Ids of jobs that have not ended, oldest first: what a sweep looks at. */
  open(limit: number, offset: number): Promise<string[]>;

  /**
   * Closes a waiting job that nobody wants any more (start deadline passed, interest lost); drops an
   * ended or vanished one from {@link open}. True if the job is not waiting to run any more.
   */
  sweep(job: string): Promise<boolean>;

  /**
   * Claims an idempotency key for a job id. Answers with what the key stands for, which is `mine` for
   * the first caller and the first caller's value for everybody else until `ttlMs` is over.
   */
  reserveKey(
    key: string,
    mine: { readonly job: string; readonly fingerprint: string },
    ttlMs: number,
  ): Promise<{ readonly job: string; readonly fingerprint: string }>;
}
