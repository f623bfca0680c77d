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
 * - G4 The log holds at most about `snapshotEvents` events, or `snapshotBytes`, behind a snapshot (L8).
 */
import { randomBytes } from 'node:crypto';
import type {
  AppendResult,
  Claim,
  JobLogWriter,
  NewEvent,
  Progress,
  StopOrder,
} from '@stepcast/hub';
import type { Logger } from '@stepcast/platform';
import type { Journal } from './journal.js';
import { whileUnavailable } from './retry.js';
import type { StoreClock } from './store-clock.js';

export type ClaimedJob = Extract<Claim, { kind: 'claimed' }>;

/** Why nothing more may be written. */
export type Revocation = 'fenced' | 'closed' | 'abandoned' | 'broken';

export interface LogSessionOptions {
  readonly log: JobLogWriter;
  readonly claim: ClaimedJob;
  /** With what earlier attempts have written. */
  readonly journal: Journal;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly snapshotEvents: number;
  readonly snapshotBytes: number;
  readonly onStop: (order: StopOrder) => void;
  readonly onRevoked: (reason: Revocation) => void;
  readonly onAppended: (events: number) => void;
}

/** An event with its place in what the attempt writes. */
export interface SequencedEvent {
  readonly event: NewEvent;
  readonly producerSeq: number;
  readonly progress?: Progress | undefined;
}

/** Gaps and losses in a row after which the log makes no sense any more. */
const MAX_REPAIRS = 20;

export class LogSession {
  readonly #options: LogSessionOptions;
  readonly #end = new AbortController();
  #epoch: string;
  #top: number;
  #stored = 0;
  #heardAt = performance.now();
  #progress: Progress | undefined;
  #stop: StopOrder | undefined;

  constructor(options: LogSessionOptions) {
    this.#options = options;
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

  /** Asks whether the job must stop, as every append does by itself. */
  async check(): Promise<void> {
    const { claim, log } = this.#options;
    const result = await this.#call('check', () => log.check(claim.record.id, claim.attempt));
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

  #append(batch: readonly SequencedEvent[]): Promise<AppendResult> {
    const { claim, log } = this.#options;
    const progress = batch.findLast((item) => item.progress !== undefined)?.progress;
    return log.append({
      job: claim.record.id,
      attempt: claim.attempt,
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
    for (const { event, producerSeq, progress } of batch) {
      journal.add({ ...fields, ...event, seq: this.#top });
      this.#stored = producerSeq;
      this.#progress = progress ?? this.#progress;
    }
  }

  /** L6: a new life of the log, from memory. */
  async #restore(): Promise<void> {
    const { claim, journal, log, logger } = this.#options;
    const { attempt, input } = claim;
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
    const life = { record, input, attempt, epoch, seq, producerSeq: this.#stored };
    const state = journal.encodeState();
    const result = await this.#call('restore', () => log.restore({ ...life, state }));
    if (result === 'restored') {
      this.#epoch = epoch;
      this.#top = seq;
    } else if (result !== undefined) {
      this.revoke(result);
    }
  }

  async #trim(): Promise<void> {
    const { claim, journal, log, logger, snapshotBytes, snapshotEvents } = this.#options;
    if (journal.events < snapshotEvents && journal.bytes < snapshotBytes) return;
    const state = journal.encodeState();
    const snapshot = { attempt: claim.attempt, epoch: this.#epoch, seq: this.#top, state };
    const isSaved = await this.#call('snapshot', () =>
      log.saveSnapshot({ job: claim.record.id, ...snapshot }),
    );
    logger.debug({ seq: snapshot.seq, bytes: state.length, isSaved }, 'snapshot');
  }

  #call<Result>(what: string, call: () => Promise<Result>): Promise<Result | undefined> {
    const { logger } = this.#options;
    return whileUnavailable(call, { what, logger, signal: this.#end.signal });
  }

  #onStop(order: StopOrder): void {
    if (this.#stop !== undefined) return;
    this.#stop = order;
    this.#options.onStop(order);
  }
}
