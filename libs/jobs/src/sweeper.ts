/**
 * Ends what nobody else would end, so that no viewer waits for ever. Every API process has a sweeper; a
 * lock that ends by itself lets one at a time look at the open jobs, a batch per tick, round and round.
 *
 *   open job ─┬─ unknown or ended ───────────────► dropped from the list of open jobs
 *             ├─ waiting ─┬─ nobody wants it ────► closed, taken out of its queue
 *             │           ├─ in no queue, 5 s ───► added again
 *             │           └─ a retry, 5 s late ──► put in line
 *             └─ running ─┬─ in no queue, 5 s and its worker gone, or 30 s ─► worker_lost
 *                         └─ no worker serves its model, and its own is gone, WORKER_LOST_MS ─► worker_lost
 *
 * - W1 Harmless in parallel: each action is atomic in the store and refuses a job that has moved on. The
 *   lock saves work; correctness does not need it.
 * - W2 The queue is read before the record. A worker ends the record before its queue forgets the job,
 *   so "queue does not know it, record still open", in this order, is never the normal end of a job.
 * - W3 A submission writes the record before it adds to the queue, so a fresh job looks like W2's for a
 *   moment: nothing is done before it has looked so, without a break, for 5 s. Adding it twice is
 *   harmless (J4).
 * - W4 A job that writes events is alive, whatever the queue says (Redis may have lost the queue and the
 *   worker restored the log): each event begins the waiting anew, and a silent job of a living worker
 *   gets 30 s.
 * - W5 A started job whose worker died is the queue's: it is claimed again when a slot is free. Only when
 *   no living worker serves its model is it given up, after WORKER_LOST_MS.
 * - W6 Between the last look at a record and `fail` lies one round trip, in which another worker may
 *   claim the job. It is then fenced and stops: the job ends as `worker_lost`, once, for everybody.
 * - W7 Bounded: one batch per tick, ticks never overlap, and memory holds one entry per suspect job of
 *   the last round.
 * - W8 The queue ends the pause before a retry by the clocks of workers: of the one that ordered it and of
 *   those that look. Where they differ the job would wait for the difference, so the pause also ends here.
 * - W9 Every job is looked at in turn, ended ones too, a slice per tick: a Redis that crashed may have lost
 *   the end of a job and kept that it was taken from the open ones. `JobRecords.list` opens it again.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, JobRecord, JobRecords, WorkerDirectory, WorkerEntry } from '@stepcast/hub';
import { isEnded } from '@stepcast/protocol';
import type { JobQueues } from './job-queues.js';
import { retryDelayMs } from './queue-naming.js';
import { Suspicions } from './suspicions.js';

const TICK_MS = 1_000;
/** The holder of the lock keeps it for some ticks, so that its suspicions have the time to ripen. */
const LOCK_MS = 10_000;
const LOCK_KEY = 'lock:sweeper';
const BATCH_SIZE = 200;
/** Of all jobs, ended ones too: an hour of a hundred jobs a minute is looked at in a minute. */
const AUDIT_SIZE = 100;
const NOT_QUEUED_MS = 5_000;
const NOT_QUEUED_BUT_ALIVE_MS = 30_000;
/** Beyond the pause, which the workers should have ended themselves. */
const RETRY_LATE_MS = 5_000;

export interface SweeperParts {
  readonly records: JobRecords;
  readonly queues: Pick<JobQueues, 'add' | 'contains' | 'endPause' | 'remove'>;
  readonly directory: WorkerDirectory;
  readonly clock: Clock;
  readonly workerLostMs: number;
  readonly onError: (error: unknown) => void;
}

export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #id = randomUUID();
  readonly #suspicions = new Suspicions();
  #offset = 0;
  #roundStart = 0;
  #auditCursor: string | undefined;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  /** Sweeps every second until {@link stop}. */
  start(): void {
    this.#cancelTimer ??= this.#schedule();
  }

  /** Resolves when no sweep runs any more. */
  async stop(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    await this.#running;
  }

  /** Looks at one batch of open jobs, if no other process does. */
  async tick(): Promise<void> {
    const { records, queues, directory, clock } = this.#parts;
    if (!(await this.#holdsLock())) return;
    if (this.#offset === 0) {
      this.#suspicions.forgetBefore(this.#roundStart);
      this.#roundStart = clock.now();
    }
    const ids = await records.open(BATCH_SIZE, this.#offset);
    // Jobs that end shift the list, so a round may miss some; the next one finds them.
    this.#offset = ids.length < BATCH_SIZE ? 0 : this.#offset + BATCH_SIZE;
    const found = await Promise.all(ids.map((id) => records.get(id)));
    const known = found.filter((record) => record !== undefined);
    const [queued, workers] = await Promise.all([queues.contains(known), directory.list()]);
    const inQueue = new Set(known.filter((_, i) => queued[i]).map((record) => record.id));
    const results = await Promise.allSettled(
      ids.map((id) => this.#look(id, inQueue.has(id), workers)),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.#audit();
  }

  /** W9. */
  async #audit(): Promise<void> {
    const cursor = this.#auditCursor;
    const { nextCursor } = await this.#parts.records.list({
      limit: AUDIT_SIZE,
      ...(cursor !== undefined && { cursor }),
    });
    this.#auditCursor = nextCursor;
  }

  async #look(id: string, isQueued: boolean, workers: readonly WorkerEntry[]): Promise<void> {
    const { records, queues } = this.#parts;
    const record = await records.get(id);
    if (record === undefined || isEnded(record.status)) {
      await records.sweep(id);
      if (record !== undefined && isQueued) await queues.remove(record);
    } else if (record.status === 'queued') {
      await this.#lookAtWaiting(record, isQueued);
    } else {
      await this.#lookAtRunning(record, isQueued, workers);
    }
  }

  async #lookAtWaiting(record: JobRecord, isQueued: boolean): Promise<void> {
    const { records, queues } = this.#parts;
    if (await records.sweep(record.id)) {
      const after = await records.get(record.id);
      if (after === undefined || isEnded(after.status)) await queues.remove(record);
    } else if (isQueued && record.attempt === 0) {
      this.#suspicions.clear(record.id);
    } else if (isQueued) {
      const limit = retryDelayMs(record.attempt) + RETRY_LATE_MS;
      if (this.#suspectFor(record, 'paused') < limit) return;
      this.#suspicions.clear(record.id);
      await queues.endPause(record);
    } else if (this.#suspectFor(record, 'not queued') >= NOT_QUEUED_MS) {
      await queues.add(record);
    }
  }

  async #lookAtRunning(
    record: JobRecord,
    isQueued: boolean,
    workers: readonly WorkerEntry[],
  ): Promise<void> {
    const isAlive = workers.some((worker) => worker.id === record.worker);
    const isServed = workers.some((worker) => Object.hasOwn(worker.models, record.model));
    if (!isQueued) {
      const limit = isAlive ? NOT_QUEUED_BUT_ALIVE_MS : NOT_QUEUED_MS;
      if (this.#suspectFor(record, 'not queued') < limit) return;
      await this.#giveUp(record, 'Every worker that took the job died or lost it.');
    } else if (!isAlive && !isServed) {
      if (this.#suspectFor(record, 'no worker') < this.#parts.workerLostMs) return;
      await this.#giveUp(record, 'The worker died, and no other serves this model.');
    } else {
      this.#suspicions.clear(record.id);
    }
  }

  async #giveUp(record: JobRecord, message: string): Promise<void> {
    await this.#parts.records.fail(record.id, 'worker_lost', message);
    this.#suspicions.clear(record.id);
    await this.#parts.queues.remove(record);
  }

  #suspectFor(record: JobRecord, reason: string): number {
    return this.#suspicions.confirm(record, reason, this.#parts.clock.now());
  }

  /** A reservation that ends by itself is a lock; see `JobRecords.reserveKey`. */
  async #holdsLock(): Promise<boolean> {
    const mine = { job: this.#id, fingerprint: '' };
    const holder = await this.#parts.records.reserveKey(LOCK_KEY, mine, LOCK_MS);
    return holder.job === this.#id;
  }

  #schedule(): () => void {
    return this.#parts.clock.after(TICK_MS, () => {
      this.#running = this.tick()
        .catch(this.#parts.onError)
        .then(() => {
          if (this.#cancelTimer !== undefined) this.#cancelTimer = this.#schedule();
        });
    });
  }
}
