import type { CancelOrigin, JobOptions, JobStatus } from '@stepcast/protocol';

/**
 * The log of a job and the record that goes with it: one writer, many readers.
 *
 * Guarantees that every adapter keeps, and that `testing/job-log.contract.ts` proves:
 *
 * - L1 ordered: seq is 1, 2, 3 … without holes, also across attempts.
 * - L2 idempotent: the same batch sent twice is stored once, by its producer sequence per attempt.
 * - L3 fenced: a batch of an older attempt is refused from the moment of the newer claim, and so is one of
 *   another claim under the same number, which a store that has forgotten the first gives out again; the
 *   first batch of attempt 2 and later is preceded by an `attempt` event.
 * - L4 closed: nothing is stored behind the terminal event; an exact repeat of the closing batch
 *   succeeds.
 * - L5 published: one message per batch, after it is stored, atomically with it.
 * - L6 lost tail: a batch says which top it expects; if the log holds less, or is gone, the answer is
 *   `lost` and the writer calls {@link JobLogWriter.restore}.
 * - L7 control: every answer to a batch says whether the job must stop, and why.
 * - L8 bounded: the log is trimmed only behind a stored snapshot; once the job has ended every key of
 *   it expires after `retainMs`.
 * - L9 resumable: a checkpoint covers exactly the events up to its seq. It is offered to a later attempt
 *   only if it is of the model's version and of the log's life, and the log can still be folded up to
 *   exactly that seq; a claim that cannot use it removes it, as do a snapshot above it, a new life of the
 *   log and the end of the job.
 */
export const JOB_LOG = Symbol('JobLog');

/** An event as a writer gives it: the log adds job, seq, attempt and time. */
export interface NewEvent {
  readonly type: string;
  /** JSON of `data`. */
  readonly data: string;
}

/** An event as it is stored, published and sent. */
export interface LogEntry {
  readonly seq: number;
  readonly type: string;
  /** The event's JSON, client-ready; holds no line break. */
  readonly json: string;
}

/** An order to stop. Made once per job, by whoever comes first, and never taken back. */
export interface StopOrder {
  readonly by: CancelOrigin;
  readonly reason: string;
  /** When it was decided, by the clock of the store. */
  readonly at: number;
}

export interface Progress {
  readonly step: number;
  readonly of: number;
}

/** What is known of a job beside its events. */
export interface JobRecord {
  readonly id: string;
  readonly model: string;
  readonly status: JobStatus;
  /** 0 until the first claim. */
  readonly attempt: number;
  readonly epoch: string;
  /** seq of the newest event. */
  readonly top: number;
  readonly options: JobOptions;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly progress?: Progress;
  /** The worker that holds the newest attempt; absent while queued and once ended. */
  readonly worker?: string;
  readonly stop?: StopOrder;
  /** JSON of the terminal event, once there is one. */
  readonly end?: string;
}

export interface NewJob {
  readonly id: string;
  readonly epoch: string;
  readonly model: string;
  /** JSON of the validated input. */
  readonly input: string;
  readonly options: JobOptions;
}

export type Claim =
  | {
      readonly kind: 'claimed';
      readonly attempt: number;
      /** Of this claim alone; every write of the attempt shows it. */
      readonly token: string;
      readonly record: JobRecord;
      /** JSON of the input. */
      readonly input: string;
      /** The clock of the store at the claim; `record.createdAt` and it give the time in the queue. */
      readonly at: number;
      /** Where the attempt goes on (L9); absent when it begins anew. */
      readonly resume?: ResumePoint;
    }
  /** Ended before, or just now because nobody wants it any more: there is nothing to run. */
  | { readonly kind: 'closed' }
  /** Not known: its keys are gone. */
  | { readonly kind: 'missing' };

export interface ClaimOptions {
  /** Of the model here; left out for one that saves no checkpoints. */
  readonly version?: string;
  /**
   * Tells a claim that is sent again, because its answer was lost, from another one: it gets the same
   * attempt again. Left out: made here, so every call is a claim of its own.
   */
  readonly token?: string;
}

/** Who writes. The number alone says too little: see L3. */
export interface Attempt {
  readonly job: string;
  readonly attempt: number;
  /** From the claim. */
  readonly token: string;
}

/** What an earlier attempt saved, and the last event that it covers. */
export interface ResumePoint {
  readonly seq: number;
  /** As it was saved; opaque here. */
  readonly data: string;
}

export interface Batch extends Attempt {
  readonly epoch: string;
  /** Producer sequence of the first event: 1, 2, 3 … within the attempt. */
  readonly firstProducerSeq: number;
  /** The top that the writer was last told. */
  readonly expectedTop: number;
  /** 1 or more; a terminal event may only be the last. */
  readonly events: readonly NewEvent[];
  /** Newest progress, shown in the record. */
  readonly progress?: Progress;
}

export type AppendResult =
  | { readonly kind: 'stored'; readonly top: number; readonly stop?: StopOrder }
  /** Another claim has the job: stop working, write nothing. */
  | { readonly kind: 'fenced' }
  /** The log is closed by another batch. */
  | { readonly kind: 'closed' }
  /** An earlier batch is missing: send again from this producer sequence. */
  | { readonly kind: 'gap'; readonly expectedProducerSeq: number }
  /** The store holds less than the writer was told: {@link JobLogWriter.restore}. */
  | { readonly kind: 'lost' };

export type CheckResult =
  | { readonly kind: 'running'; readonly stop?: StopOrder }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'lost' };

/** A new life of a log whose old one was lost. */
export interface Restore {
  readonly record: JobRecord;
  readonly input: string;
  readonly attempt: number;
  readonly token: string;
  /** When the attempt was claimed, by the clock of the store. */
  readonly claimedAt: number;
  /** Identity of the new life. */
  readonly epoch: string;
  /** seq of the snapshot, which stands for every event up to it: one above the top that was known. */
  readonly seq: number;
  /** JSON of the folded state, from the writer's own memory. */
  readonly state: string;
  /** Producer sequence that the state includes; the next batch continues behind it. */
  readonly producerSeq: number;
}

/** What a model saved, to be kept with the record of its job. */
export interface Checkpoint extends Attempt {
  readonly epoch: string;
  /** The last event that it covers: everything behind it is void once an attempt resumes here. */
  readonly seq: number;
  /** Version of the model that can read it. */
  readonly version: string;
  /** Opaque text. */
  readonly data: string;
}

export type CheckpointResult = 'saved' | 'fenced' | 'closed' | 'lost';

/** What the events up to `seq` fold to. */
export interface Snapshot extends Attempt {
  readonly epoch: string;
  readonly seq: number;
  /** JSON. */
  readonly state: string;
}

/** What a worker does with a log. */
export interface JobLogWriter {
  /**
   * Takes the next attempt of a job for a worker. Refuses older attempts from now on (L3). A job that
   * nobody wants any more (stop order, no interest, start deadline) is closed here with `cancelled`
   * instead, so that no work is done for it.
   *
   * Decides how the attempt begins, and the `attempt` event says so: `resume` behind a checkpoint that
   * the version can use (L9), else `restart`.
   */
  claim(job: string, worker: string, options?: ClaimOptions): Promise<Claim>;

  /** Stores a batch (L1–L7). At-least-once calls, exactly-once effect. */
  append(batch: Batch): Promise<AppendResult>;

  /**
   * The control part of {@link append} without events, for jobs that are silent. Makes the stop order
   * when interest has been lost for longer than the job's grace.
   */
  check(attempt: Attempt): Promise<CheckResult>;

  /** Gives a failed attempt back to the queue: status `queued`, no worker. Ignored if fenced or closed. */
  requeue(attempt: Attempt): Promise<void>;

  /**
   * Begins a new epoch whose first event is a `snapshot` event at `seq` (L6).
   * `fenced` if the job was claimed meanwhile, under whatever number: a store that lost more than one claim
   * counts on from an older one. A checkpoint of the old life is void (L9).
   */
  restore(restore: Restore): Promise<'restored' | 'fenced' | 'closed'>;

  /**
   * Stores a snapshot of the state at `seq` and trims the log up to it (L8). Refused (false) when another
   * claim has the job or the epoch is another. Removes a checkpoint below `seq` (L9).
   */
  saveSnapshot(snapshot: Snapshot): Promise<boolean>;

  /**
   * Saves a checkpoint in the record, in place of the one before (L9). One below the newest is dropped
   * silently: it can only be a repeat. Answers as {@link append} does: `lost` when the log does not hold
   * `seq` in this epoch. At-least-once calls, exactly-once effect.
   */
  saveCheckpoint(checkpoint: Checkpoint): Promise<CheckpointResult>;
}

/** The log from one seq on, with what is needed to know whether it is whole. */
export interface LogPage {
  readonly record: JobRecord;
  /** Events behind `after`, ascending and contiguous; cut at the limits of the call. */
  readonly entries: readonly LogEntry[];
  /**
   * Stands for every event up to its seq; present when the events behind `after` are no longer all
   * there. `entries` then continue behind it.
   */
  readonly snapshot?: StoredSnapshot;
}

export interface StoredSnapshot {
  readonly seq: number;
  /** JSON of the folded state. */
  readonly state: string;
}

export interface LogHead {
  readonly epoch: string;
  readonly top: number;
}

/** What a gateway does with a log. */
export interface JobLogReader {
  /**
   * Reads record and events in one atomic step.
   * @param limit at most so many events
   * @param maxBytes and about so many bytes of them, but at least one; default and most: 1 MiB
   * @returns undefined when the job is not known
   */
  read(job: string, after: number, limit: number, maxBytes?: number): Promise<LogPage | undefined>;

  /** The heads of many logs in one round trip; undefined for unknown jobs. */
  heads(jobs: readonly string[]): Promise<(LogHead | undefined)[]>;
}
