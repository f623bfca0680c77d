/**
 * The conversation of one attempt with the log of its job: every answer of the log has its reaction here.
 *
 *   store ──► append ──► stored        remembered, so that the log can be brought back
 *                │  ├──► gap           what the log has is skipped, the rest sent again
 *                │  ├──► lost          restored from memory, then the same batch again
 *                │  └──► fenced, closed ──► revoked
 *                └ unavailable: the same batch again, with growing pauses
 *
 * - G1 Calls come one at a time; the writer sees to it. A batch does not change once it was sent, other
 *   than by what the log says it has (L2).
 * - G2 After `onRevoked`, called once, nothing more is written.
 * - G3 `onStop` is called once, for the first order that is heard of.
 * - G4 The log holds at most about `snapshotEvents` events, or `snapshotBytes`, behind a snapshot (L8), of all
 *   attempts together; and once more as much before the checkpoint from which an attempt resumed.
 * - G5 A checkpoint covers exactly what is stored when it is saved. While it is the newest the log is
 *   trimmed up to it at most, as far as G4 allows; else it is given up, and a later attempt begins anew (L9).
 * - G6 Behind the terminal event nothing is asked and nothing restored: a life that began with an ended state
 *   would end twice. An end that Redis forgets is left to the sweeper.
 */
import { randomBytes } from 'node:crypto';
import type {
  AppendResult,
  Attempt,
  Claim,
  JobLogWriter,
  NewEvent,
  Progress,
  StopOrder,
} from '@stepcast/hub';
import type { Logger } from '@stepcast/platform';
import { isTerminalType } from '@stepcast/protocol';
import { NO_BACKLOG, type Backlog, type Journal } from './journal.js';
import { whileUnavailable, type StoreWaits } from './retry.js';
import type { StoreClock } from './store-clock.js';

export type ClaimedJob = Extract<Claim, { kind: 'claimed' }>;

/** Why nothing more may be written. */
export type Revocation = 'fenced' | 'closed' | 'abandoned' | 'broken';

export interface LogSessionOptions {
  readonly log: JobLogWriter;
  readonly claim: ClaimedJob;
  /** With what earlier attempts have written. */
  readonly journal: Journal;
  /** What they have left in the log, and counts as if this attempt had written it (G4). */
  readonly inherited?: Backlog;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly snapshotEvents: number;
  readonly snapshotBytes: number;
  /** Of the model here; a checkpoint is read by the same version only. */
  readonly version: string;
  readonly onStop: (order: StopOrder) => void;
  /** What the events fold to is more than a snapshot may hold. */
  readonly onOversize: () => void;
  readonly onRevoked: (reason: Revocation) => void;
  readonly onAppended: (events: number) => void;
  /** The log was lost and has been brought back. */
  readonly onRestored?: () => void;
  readonly waits?: StoreWaits;
}

/** An event with its place in what the attempt writes. */
export interface SequencedEvent {
  readonly event: NewEvent;
  readonly producerSeq: number;
  readonly progress?: Progress | undefined;
}

/**
 * Characters of a folded state: it lies in Redis and in the worker once per running job, and a late viewer
 * gets it in one message. A job beyond it fails.
 */
export const MAX_STATE_LENGTH = 16 * 1_048_576;

/** Gaps and losses in a row after which the log makes no sense any more. */
const MAX_REPAIRS = 20;

export class LogSession {
  readonly #options: LogSessionOptions;
  readonly #end = new AbortController();
  #epoch: string;
  #top: number;
  #stored = 0;
  #hasEnded = false;
  #heardAt = performance.now();
  #progress: Progress | undefined;
  #stop: StopOrder | undefined;
  #inherited: Backlog;
  /** What the newest checkpoint in the log covers; undefined when there is none. */
  #checkpointSeq: number | undefined;

  constructor(options: LogSessionOptions) {
    this.#options = options;
    this.#inherited = options.inherited ?? NO_BACKLOG;
    this.#checkpointSeq = options.claim.resume?.seq;
    this.#epoch = options.claim.record.epoch;
    this.#top = options.claim.record.top;
  }

  get isRevoked(): boolean {
    return this.#end.signal.aborted;
  }

  /** Producer sequence up to which the log has everything. */
  get stored(): number {
    return this.#stored;
  }

  /** When the log last answered whether the job must stop, by `performance.now()`. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Resolves when the batch is stored, or the session revoked. */
  async store(sent: readonly SequencedEvent[]): Promise<void> {
    let batch = sent;
    for (let repairs = 0; batch.length > 0 && !this.isRevoked; repairs++) {
      if (repairs > MAX_REPAIRS) throw new Error('the log asks for repairs without end');
      const current = batch;
      const result = await this.#call('append', () => this.#append(current));
      if (result === undefined) return;
      if (result.kind === 'stored') {
        this.#onStored(batch, result);
        await this.#trim();
        return;
      }
      batch = await this.#repair(batch, result);
    }
  }

  /**
   * Saves what a later attempt needs to go on behind everything stored. Resolves when it is saved, or the
   * session revoked.
   */
  async saveCheckpoint(data: string): Promise<void> {
    const { log, version } = this.#options;
    for (let repairs = 0; !this.isRevoked; repairs++) {
      if (repairs > MAX_REPAIRS) throw new Error('the log asks for repairs without end');
      const result = await this.#call('checkpoint', () =>
        log.saveCheckpoint({ ...this.#attempt, epoch: this.#epoch, seq: this.#top, version, data }),
      );
      if (result === 'saved') this.#checkpointSeq = this.#top;
      if (result === 'saved' || result === undefined) return;
      if (result === 'lost') await this.#restore();
      else this.revoke(result);
    }
  }

  /** Asks whether the job must stop, as every append does by itself. */
  async check(): Promise<void> {
    if (this.#hasEnded) return;
    const { log } = this.#options;
    const result = await this.#call('check', () => log.check(this.#attempt));
    if (result === undefined) return;
    this.#heardAt = performance.now();
    if (result.kind === 'lost') await this.#restore();
    else if (result.kind !== 'running') this.revoke(result.kind);
    else if (result.stop !== undefined) this.#onStop(result.stop);
  }

  revoke(reason: Revocation): void {
    if (this.isRevoked) return;
    this.#end.abort();
    this.#options.onRevoked(reason);
  }

  get #attempt(): Attempt {
    const { attempt, record, token } = this.#options.claim;
    return { job: record.id, attempt, token };
  }

  #append(batch: readonly SequencedEvent[]): Promise<AppendResult> {
    const { log } = this.#options;
    const progress = batch.findLast((item) => item.progress !== undefined)?.progress;
    return log.append({
      ...this.#attempt,
      epoch: this.#epoch,
      firstProducerSeq: batch[0]?.producerSeq ?? 0,
      expectedTop: this.#top,
      events: batch.map(({ event }) => event),
      ...(progress === undefined ? {} : { progress }),
    });
  }

  /** Makes the log ready for what is left of the batch, and returns that. */
  async #repair(
    batch: readonly SequencedEvent[],
    result: Exclude<AppendResult, { kind: 'stored' }>,
  ): Promise<readonly SequencedEvent[]> {
    switch (result.kind) {
      case 'fenced':
      case 'closed':
        this.revoke(result.kind);
        return [];
      case 'lost':
        await this.#restore();
        return batch;
      case 'gap': {
        const expected = result.expectedProducerSeq;
        // It asks for what was stored before and is no longer here one by one.
        if (expected <= this.#stored) await this.#restore();
        const known = batch.filter(({ producerSeq }) => producerSeq < expected);
        this.#top += known.length;
        this.#remember(known);
        return batch.slice(known.length);
      }
    }
  }

  #onStored(
    batch: readonly SequencedEvent[],
    result: Extract<AppendResult, { kind: 'stored' }>,
  ): void {
    this.#top = result.top;
    this.#heardAt = performance.now();
    this.#remember(batch);
    this.#options.onAppended(batch.length);
    if (result.stop !== undefined) this.#onStop(result.stop);
  }

  #remember(batch: readonly SequencedEvent[]): void {
    const { claim, clock, journal } = this.#options;
    const fields = { job: claim.record.id, attempt: claim.attempt, at: clock.now() };
    // The newest event is at the top, and those of a batch follow each other (L1).
    let seq = this.#top - batch.length;
    for (const { event, producerSeq, progress } of batch) {
      seq += 1;
      this.#hasEnded ||= isTerminalType(event.type);
      journal.add({ ...fields, ...event, seq });
      this.#stored = producerSeq;
      this.#progress = progress ?? this.#progress;
    }
  }

  /** L6: a new life of the log, from memory. */
  async #restore(): Promise<void> {
    const { claim, journal, log, logger } = this.#options;
    const { at: claimedAt, attempt, input, token } = claim;
    const epoch = randomBytes(8).toString('hex');
    const seq = this.#top + 1;
    logger.warn({ epoch, seq }, 'the log of the job was lost: it begins anew from memory');
    const record = {
      ...claim.record,
      status: 'running' as const,
      attempt,
      epoch,
      top: seq,
      ...(this.#progress === undefined ? {} : { progress: this.#progress }),
      ...(this.#stop === undefined ? {} : { stop: this.#stop }),
    };
    const owner = { attempt, token, claimedAt };
    const life = { record, input, ...owner, epoch, seq, producerSeq: this.#stored };
    const state = journal.encodeState();
    const result = await this.#call('restore', () => log.restore({ ...life, state }));
    if (result === 'restored') {
      this.#options.onRestored?.();
      this.#epoch = epoch;
      this.#top = seq;
      this.#inherited = NO_BACKLOG;
      this.#checkpointSeq = undefined;
    } else if (result !== undefined) {
      this.revoke(result);
    }
  }

  async #trim(): Promise<void> {
    const { journal, log, logger } = this.#options;
    const { events, bytes } = this.#inherited;
    const all = { events: events + journal.events, bytes: bytes + journal.bytes };
    if (!this.#isTooMuch(all)) return;
    this.#inherited = NO_BACKLOG;
    const kept = this.#checkpointSeq;
    const canKeep =
      kept !== undefined && kept > journal.foldedTo && !this.#isTooMuch(journal.behind(kept));
    const seq = canKeep ? kept : this.#top;
    if (!canKeep) this.#checkpointSeq = undefined;
    const state = journal.encodeState(seq);
    if (state.length > MAX_STATE_LENGTH) this.#options.onOversize();
    const snapshot = { ...this.#attempt, epoch: this.#epoch, seq, state };
    const isSaved = await this.#call('snapshot', () => log.saveSnapshot(snapshot));
    logger.debug({ seq, kept, bytes: state.length, isSaved }, 'snapshot');
  }

  #isTooMuch({ events, bytes }: Backlog): boolean {
    const { snapshotBytes, snapshotEvents } = this.#options;
    return events >= snapshotEvents || bytes >= snapshotBytes;
  }

  #call<Result>(what: string, call: () => Promise<Result>): Promise<Result | undefined> {
    const { logger, waits } = this.#options;
    const signal = this.#end.signal;
    return whileUnavailable(call, { what, logger, signal, ...(waits && { waits }) });
  }

  #onStop(order: StopOrder): void {
    if (this.#stop !== undefined) return;
    this.#stop = order;
    this.#options.onStop(order);
  }
}
