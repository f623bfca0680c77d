import { isEnded, type JobOptions, type JobStatus, type TerminalType } from '@stepcast/protocol';
import type {
  JobRecord,
  LogEntry,
  Checkpoint,
  NewEvent,
  Progress,
  ResumePoint,
  StopOrder,
  StoredSnapshot,
} from '../ports/job-log.port.js';
import { decideStop } from './stop-decision.js';

const DAY_MS = 86_400_000;

/** What {@link MemoryJob} is made from. */
export interface MemoryJobOrigin {
  readonly id: string;
  readonly model: string;
  readonly input: string;
  readonly options: JobOptions;
  readonly createdAt: number;
}

/** One job in memory: record, log and leases. Every method is one atomic step, as a script is in Redis. */
export class MemoryJob {
  readonly origin: MemoryJobOrigin;
  epoch = '';
  top = 0;
  attempt = 0;
  /** Of the newest claim. */
  token = '';
  claimedAt = 0;
  /** The newest attempt whose `attempt` event is in the log; 1 needs none. */
  markedAttempt = 1;
  /** Producer sequence of the newest event of the newest attempt. */
  producerSeq = 0;
  status: JobStatus = 'queued';
  startedAt: number | undefined;
  finishedAt: number | undefined;
  progress: Progress | undefined;
  worker: string | undefined;
  stop: StopOrder | undefined;
  end: string | undefined;
  snapshot: StoredSnapshot | undefined;
  checkpoint: Checkpoint | undefined;
  /** The event behind which the newest attempt goes on; undefined when it begins anew. */
  resumeSeq: number | undefined;
  /** Undefined once the log alone was lost. */
  log: LogEntry[] | undefined = [];
  expiresAt: number;

  readonly holders = new Map<string, number>();
  isHeld = false;
  idleAt: number | undefined;
  interestFrom: number;
  #seenAt: number;
  #trustAt = 0;

  constructor(origin: MemoryJobOrigin, now: number) {
    this.origin = origin;
    this.interestFrom = now;
    this.#seenAt = now;
    this.expiresAt = 0;
    this.extendLife(now);
  }

  get isEnded(): boolean {
    return isEnded(this.status);
  }

  get record(): JobRecord {
    const { id, model, options, createdAt } = this.origin;
    const { status, attempt, epoch, top } = this;
    return {
      ...{ id, model, status, attempt, epoch, top, options, createdAt },
      ...(this.startedAt !== undefined && { startedAt: this.startedAt }),
      ...(this.finishedAt !== undefined && { finishedAt: this.finishedAt }),
      ...(this.progress && { progress: this.progress }),
      ...(this.worker !== undefined && { worker: this.worker }),
      ...(this.stop && { stop: this.stop }),
      ...(this.end !== undefined && { end: this.end }),
    };
  }

  /** Appends one event and returns it. */
  put(event: NewEvent, now: number): LogEntry {
    this.top += 1;
    const { id } = this.origin;
    const head = `{"job":"${id}","seq":${this.top},"attempt":${this.attempt},"type":"${event.type}"`;
    const json = `${head},"at":${now},"data":${event.data.replaceAll(/[\r\n]+/g, ' ')}}`;
    const entry: LogEntry = { seq: this.top, type: event.type, json };
    this.log ??= [];
    this.log.push(entry);
    return entry;
  }

  /** Records the terminal event; from here on the job only waits for its expiry. */
  close(terminal: LogEntry, now: number): void {
    this.status = terminal.type as TerminalType;
    this.end = terminal.json;
    this.finishedAt = now;
    this.worker = undefined;
    this.checkpoint = undefined;
    this.holders.clear();
    this.expiresAt = now + this.origin.options.retainMs;
  }

  /** L8: a snapshot instead of the events up to it, and of a checkpoint before it (L9). */
  trim(snapshot: StoredSnapshot): void {
    const { seq } = snapshot;
    this.snapshot = snapshot;
    this.log = this.log?.filter((entry) => entry.seq > seq);
    if ((this.checkpoint?.seq ?? seq) < seq) this.checkpoint = undefined;
  }

  /** What a new attempt can go on from (L9): the checkpoint, if the log can be folded up to it. */
  resumePoint(version: string | undefined): ResumePoint | undefined {
    const saved = this.checkpoint;
    if (!saved || saved.version !== version || saved.epoch !== this.epoch) return undefined;
    return this.#reaches(saved.seq) ? { seq: saved.seq, data: saved.data } : undefined;
  }

  /** Closes a job on which nothing runs, by its order; returns what is to be published. */
  closeCancelled(order: StopOrder, now: number): LogEntry[] {
    const data = JSON.stringify({ by: order.by, reason: order.reason, stoppedAfterMs: 0 });
    const entry = this.put({ type: 'cancelled', data }, now);
    this.close(entry, now);
    return [entry];
  }

  /** Whether the state at a seq can be had from the stored snapshot and the log. */
  #reaches(seq: number): boolean {
    const snapshotSeq = this.snapshot?.seq ?? 0;
    if (!this.log || seq > this.top || snapshotSeq > seq) return false;
    return snapshotSeq === seq || (this.log[0]?.seq ?? Infinity) <= snapshotSeq + 1;
  }

  /** Whether the job must stop (stop-decision.ts). Remembers the order, and that somebody looked. */
  decideStop(now: number): StopOrder | undefined {
    const decision = decideStop(
      {
        options: this.origin.options,
        createdAt: this.origin.createdAt,
        startedAt: this.startedAt,
        stop: this.stop,
        interestFrom: this.interestFrom,
        isHeld: this.isHeld,
        idleAt: this.idleAt,
        leaseUntil: this.holders.size > 0 ? Math.max(...this.holders.values()) : undefined,
        seenAt: this.#seenAt,
        trustAt: this.#trustAt,
      },
      now,
      this.worker === undefined,
    );
    this.stop = decision.stop;
    this.idleAt = decision.idleAt;
    this.#trustAt = decision.trustAt;
    this.#seenAt = now;
    return decision.stop;
  }

  /** No job without an end, and none that ends while it may still run. */
  extendLife(now: number): void {
    const { startTimeoutMs, attempts, timeoutMs, retainMs } = this.origin.options;
    this.expiresAt = now + startTimeoutMs + attempts * timeoutMs + retainMs + DAY_MS;
  }
}
