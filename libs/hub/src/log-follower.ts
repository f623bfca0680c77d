import type { JobLogReader, JobRecord, LogEntry, LogPage } from './ports/job-log.port.js';
import type { FeedBatch, LogFeed } from './ports/log-feed.port.js';
import { costOf } from './event-window.js';
import type { HubObserver } from './hub-observer.js';
import { assemble, type Base } from './log-page.js';

/**
 * Follows one log: join, then live, then heal (docs/architecture.md, "Join and live").
 *
 * ```
 *  joining ──SUBSCRIBE confirmed, log read──► live ◄──read──┐
 *     │                                        │            │
 *     └─ job unknown ─► stopped                └─ gap, other epoch, audit ─► reading
 * ```
 *
 * - I1 The log is read only after the subscription is confirmed, so every event is in the read, on
 *   the wire, or both.
 * - I2 `extend` is called with seq top+1, top+2 … of the current epoch, or not at all.
 * - I3 What cannot be continued is announced by `rebase`, never skipped.
 * - I4 One read at a time; what arrives meanwhile waits, bounded, and is merged behind it.
 */

/** Where the events go. */
export interface FollowerSink {
  /** Continues behind the events so far. */
  extend(entries: readonly LogEntry[]): void;
  /** Everything so far is void: the log begins behind `base`. */
  rebase(epoch: string, base: Base): void;
  /** More waits for a read to end. */
  waiting(): void;
}

export interface FollowerOptions {
  readonly job: string;
  readonly reader: JobLogReader;
  readonly feed: LogFeed;
  readonly sink: FollowerSink;
  readonly observer: HubObserver;
}

/** Bytes of events that may wait for a read to end. More are dropped: the next read brings them. */
const MAX_WAITING_BYTES = 4_194_304;

/** Events of one read. */
const PAGE_SIZE = 1_000;

/** Reads in a row that may meet yet another epoch before the follower waits for the next audit. */
const MAX_EPOCH_CHANGES = 3;

type State = 'joining' | 'reading' | 'live' | 'stopped';

export class LogFollower {
  #state: State = 'joining';
  #epoch = '';
  #top = 0;
  #model = '';
  #waiting: FeedBatch[] = [];
  #waitingBytes = 0;
  #hasMissed = false;
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get top(): number {
    return this.#top;
  }

  /** The model of the job, once the log has been read. */
  get model(): string {
    return this.#model;
  }

  /** Memory of what waits for a read to end, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Drops what waits: the read that is under way is then followed by another, which brings it. */
  forgetWaiting(): void {
    if (this.#takeWaiting().length > 0) this.#hasMissed = true;
  }

  /** Subscribes and reads the log. False when the job is not known. Call once. */
  async join(): Promise<boolean> {
    const { feed, job } = this.#options;
    let record: JobRecord | undefined;
    try {
      await feed.subscribe(job, (batch) => {
        this.#receive(batch);
      });
      record = await this.#readToTop();
    } finally {
      if (record === undefined) await this.stop();
    }
    return record !== undefined;
  }

  /** Reads what the store has beyond the top; for audits and after the feed was interrupted. */
  async catchUp(): Promise<void> {
    if (this.#state !== 'live') {
      this.#hasMissed = true;
      return;
    }
    await this.#readToTop();
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#takeWaiting();
    await this.#options.feed.unsubscribe(this.#options.job);
  }

  #receive(batch: FeedBatch): void {
    if (this.#state === 'stopped') return;
    if (this.#state === 'live' && this.#accept(batch)) return;
    this.#wait(batch);
    // A failed read leaves the batch waiting; the next batch or audit reads again.
    if (this.#state === 'live') void this.#heal().catch(() => undefined);
  }

  async #heal(): Promise<void> {
    if ((await this.#readToTop()) !== undefined) this.#options.observer.gapHealed();
  }

  /** Extends by what is new in the batch; false if the batch does not continue the log. */
  #accept(batch: FeedBatch): boolean {
    if (batch.epoch !== this.#epoch) return false;
    const isAllFresh = (batch.entries[0]?.seq ?? 0) > this.#top;
    const fresh = isAllFresh
      ? batch.entries
      : batch.entries.filter((entry) => entry.seq > this.#top);
    const first = fresh[0];
    if (first === undefined) return true;
    if (first.seq !== this.#top + 1) return false;
    this.#extend(fresh);
    return true;
  }

  #wait(batch: FeedBatch): void {
    this.#waiting.push(batch);
    this.#waitingBytes += batch.entries.reduce((sum, entry) => sum + costOf(entry), 0);
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.forgetWaiting();
    this.#options.sink.waiting();
  }

  /** Reads page by page until the log is whole up to its top, then merges what arrived meanwhile. */
  async #readToTop(): Promise<JobRecord | undefined> {
    if (this.#state === 'live') this.#state = 'reading';
    let record: JobRecord | undefined;
    let epochChanges = 0;
    try {
      for (let isWhole = false; !isWhole;) {
        this.#hasMissed = false;
        const page = await this.#options.reader.read(this.#options.job, this.#top, PAGE_SIZE);
        if (this.#isStopped() || page === undefined) return undefined;
        record = page.record;
        this.#model = record.model;
        if (page.record.epoch !== this.#epoch) epochChanges++;
        this.#applyPage(page);
        isWhole = this.#top >= page.record.top && this.#mergeWaiting() && !this.#hasMissed;
        if (epochChanges > MAX_EPOCH_CHANGES) isWhole = true;
      }
      return record;
    } finally {
      if (this.#state === 'reading' || record !== undefined) this.#goLive();
    }
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #goLive(): void {
    if (this.#state !== 'stopped') this.#state = 'live';
  }

  #applyPage(page: LogPage): void {
    const { epoch } = page.record;
    const isNewLife = epoch !== this.#epoch;
    if (isNewLife && this.#top > 0) {
      // The page was read behind a seq of another life. With the top at 0 the loop reads this one whole.
      this.#epoch = '';
      this.#top = 0;
      return;
    }
    const { base, entries } = assemble(page, this.#top);
    if (isNewLife || base !== undefined) {
      this.#epoch = epoch;
      this.#top = base?.seq ?? 0;
      this.#options.sink.rebase(epoch, base ?? { seq: 0 });
    }
    this.#extend(entries);
  }

  /** False if a waiting batch does not continue what was read: the next read will bring it. */
  #mergeWaiting(): boolean {
    return this.#takeWaiting()
      .map((batch) => this.#accept(batch))
      .every(Boolean);
  }

  #takeWaiting(): FeedBatch[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  #extend(entries: readonly LogEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#top = last.seq;
    this.#options.sink.extend(entries);
  }
}
