import type { StepcastError } from '@stepcast/protocol';
import { LIMITS, isTerminalType } from '@stepcast/protocol';
import type { Clock } from './clock.js';
import type { ChannelMemory, MemoryAccount } from './channel-memory.js';
import { EventWindow } from './event-window.js';
import type { FoldOf } from './fold.js';
import { HeldBase } from './held-base.js';
import type { HubObserver } from './hub-observer.js';
import { LogFollower, type FollowerSink } from './log-follower.js';
import { assemble, type Base } from './log-page.js';
import type { JobLogReader, LogEntry } from './ports/job-log.port.js';
import type { LogFeed } from './ports/log-feed.port.js';
import { missingJob, type LostJobs } from './ports/lost-jobs.port.js';
import type { Encoder } from './transport.port.js';
import { chunksOf, type Next, type Viewer, type ViewerSource } from './viewer.js';

export interface ChannelOptions {
  readonly job: string;
  readonly reader: JobLogReader;
  readonly feed: LogFeed;
  /** Runs a callback at the end of this turn of the event loop. */
  readonly defer: (callback: () => void) => void;
  /** Memory for recent events, in bytes, while there is enough for all channels. */
  readonly maxWindowBytes: number;
  /** What all channels share. */
  readonly memory: ChannelMemory;
  /** Bytes of events in one write to a viewer that catches up. */
  readonly maxChunkBytes: number;
  /** How the events of a model fold. */
  readonly foldsOf: (model: string) => FoldOf;
  readonly observer: HubObserver;
  readonly lost?: LostJobs | undefined;
  readonly clock: Clock;
}

/** Pause before a read that brought nothing is made again: the store and the channel differ for a moment. */
const READ_AGAIN_MS = 200;

/** Events of one read for a viewer that is behind the window. */
const OLDER_PAGE_SIZE = 256;

/**
 * A watched job in the memory of a gateway: one subscription, the recent events, the viewers.
 *
 * - I1 The window is contiguous and ends at the follower's top.
 * - I2 Whatever arrives within one turn of the event loop is encoded once per format and written once
 *   per viewer that is up to date; the others are served from their own position. Of more than
 *   `maxUnsentBytes` the rest waits for the next turn, so that no connection ever holds a burst.
 * - I3 A second viewer needs no read from the store while its position is inside the window.
 * - I4 Whatever is held, sent, waiting or folded, is on the account of the memory that all channels share.
 *   All of it may be dropped, but for what is not sent yet and the newest: event, or base if there is none.
 * - I5 No viewer is ever ahead of the channel, so a position above its top is one of a lost log.
 */
export class Channel implements FollowerSink, ViewerSource {
  readonly job: string;
  readonly #options: ChannelOptions;
  readonly #follower: LogFollower;
  readonly #viewers = new Set<Viewer>();
  readonly #account: MemoryAccount;
  #base = new HeldBase({ seq: 0 });
  #epoch = '';
  #window = new EventWindow(0);
  /** seq up to which up-to-date viewers have been written to. */
  #flushedTop = 0;
  #isFlushScheduled = false;

  constructor(options: ChannelOptions) {
    this.job = options.job;
    this.#options = options;
    this.#follower = new LogFollower({ ...options, sink: this });
    this.#account = options.memory.open((maxBytes) => {
      this.#shrink(maxBytes);
    });
  }

  get epoch(): string {
    return this.#epoch;
  }

  get top(): number {
    return this.#window.top;
  }

  get isEnded(): boolean {
    const { newest } = this.#window;
    return newest !== undefined ? isTerminalType(newest.type) : this.#base.hasEnded;
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  get foldOf(): FoldOf {
    return this.#options.foldsOf(this.#follower.model);
  }

  get maxChunkBytes(): number {
    return this.#options.maxChunkBytes;
  }

  get observer(): HubObserver {
    return this.#options.observer;
  }

  /** False when the job is not known; the channel is then of no further use. */
  async join(): Promise<boolean> {
    let isKnown = false;
    try {
      isKnown = await this.#follower.join();
    } finally {
      if (!isKnown) this.#account.close();
    }
    return isKnown;
  }

  /** Compares with the store and reads what is missing. */
  catchUp(): Promise<void> {
    return this.#follower.catchUp();
  }

  /** Ends every viewer with an error. */
  fail(error: StepcastError): void {
    for (const viewer of [...this.#viewers]) viewer.fail(error);
  }

  async close(): Promise<void> {
    for (const viewer of [...this.#viewers]) viewer.detach();
    this.#account.close();
    await this.#follower.stop();
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer);
  }

  remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
  }

  later(callback: () => void): void {
    this.#options.clock.after(READ_AGAIN_MS, callback);
  }

  isAboutToSend(epoch: string, seq: number): boolean {
    const isNext = epoch === this.#epoch && seq === this.#flushedTop;
    return this.#isFlushScheduled && isNext && seq < this.top;
  }

  next(epoch: string, seq: number): Next {
    if (this.#isLost(epoch, seq)) return this.#resetTo(this.#base.base, 'lost');
    if (seq < this.#base.seq) return this.#resetTo(this.#base.base, 'trimmed');
    const entries = this.#window.after(seq);
    return entries === undefined ? { kind: 'older' } : { kind: 'events', entries };
  }

  async readOlder(epoch: string, seq: number): Promise<Next | undefined> {
    const life = this.#epoch;
    const isLost = this.#isLost(epoch, seq);
    const after = isLost ? 0 : seq;
    const { reader } = this.#options;
    const page = await reader.read(this.job, after, OLDER_PAGE_SIZE, LIMITS.maxUnsentBytes);
    if (page === undefined) {
      // A running job comes back when its worker looks; the audits know when nobody brings it any more.
      if (!this.isEnded) return undefined;
      throw missingJob(this.job, this.#options.lost);
    }
    const { base, entries } = assemble(page, after);
    const isOfLife = page.record.epoch === life && this.#epoch === life;
    if (!isOfLife || (base?.seq ?? 0) > this.top) {
      await this.catchUp();
      return undefined;
    }
    if (isLost) return this.#resetTo(base ?? { seq: 0 }, 'lost');
    if (base !== undefined) return this.#resetTo(base, 'trimmed');
    // The store may be ahead of the channel: what lies above its top comes by the next turn (I5).
    return { kind: 'events', entries: entries.filter((entry) => entry.seq <= this.top) };
  }

  #isLost(epoch: string, seq: number): boolean {
    return epoch !== this.#epoch || seq > this.top;
  }

  #resetTo(base: Base | undefined, reason: 'lost' | 'trimmed'): Next {
    return base === undefined ? { kind: 'older' } : { kind: 'reset', reason, base };
  }

  extend(entries: readonly LogEntry[]): void {
    this.#window.push(entries);
    // A read can bring more than turns can send: the rest is then read again, by those who lack it.
    this.#window.trim(this.#options.maxWindowBytes, this.top);
    this.#report();
    this.#scheduleFlush();
  }

  rebase(epoch: string, base: Base): void {
    this.#epoch = epoch;
    this.#base = new HeldBase(base);
    this.#window = new EventWindow(base.seq);
    this.#flushedTop = base.seq;
    this.#report();
    this.#scheduleFlush();
  }

  waiting(): void {
    this.#report();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.defer(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const from = this.#flushedTop;
    const fresh = this.#nextFresh(from);
    const newest = fresh.at(-1);
    this.#flushedTop = newest?.seq ?? this.top;
    const chunks = new Map<Encoder, Uint8Array>();
    for (const viewer of this.#viewers) {
      try {
        if (newest === undefined || !viewer.isAt(this.#epoch, from)) {
          viewer.pump();
          continue;
        }
        const { encoder } = viewer;
        const chunk = chunks.get(encoder) ?? encoder.events(this.#epoch, fresh);
        chunks.set(encoder, chunk);
        viewer.deliver(chunk, fresh);
      } catch (error) {
        // One viewer's fault ends that viewer alone.
        viewer.fail(error);
      }
    }
    if (newest !== undefined && chunks.size > 0) this.observer.delivered(newest);
    this.#settle();
  }

  /** What this turn sends to those that are up to date; none when the window no longer has it. */
  #nextFresh(from: number): readonly LogEntry[] {
    const unsent = this.#viewers.size === 0 ? [] : (this.#window.after(from) ?? []);
    const [fresh = []] = chunksOf(unsent, LIMITS.maxUnsentBytes);
    return fresh;
  }

  /** Drops what everybody who is up to date has; what is still to be sent comes in the next turn. */
  #settle(): void {
    this.#window.trim(this.#options.maxWindowBytes, this.#flushedTop);
    this.#report();
    if (this.#flushedTop < this.top) this.#scheduleFlush();
  }

  /**
   * Gives memory back when all channels together hold too much (M2 of channel-memory.ts): first what one
   * read brings back for all. The base goes last, because only those who begin anew need it; but before
   * the events if it alone is too much, because giving those up would then not help.
   */
  #shrink(maxBytes: number): void {
    if (this.#heldBytes() > maxBytes) this.#follower.forgetWaiting();
    if (this.#base.bytes > maxBytes) this.#dropBase();
    // Without viewers nothing waits to be sent.
    const sentSeq = this.#viewers.size === 0 ? this.top : this.#flushedTop;
    this.#window.trim(maxBytes - this.#base.bytes, sentSeq);
    if (this.#heldBytes() > maxBytes) this.#dropBase();
    this.#report();
  }

  #dropBase(): void {
    if (this.#window.newest !== undefined) this.#base.drop();
  }

  #report(): void {
    this.#account.hold(this.#heldBytes());
  }

  #heldBytes(): number {
    return this.#base.bytes + this.#window.bytes + this.#follower.waitingBytes;
  }
}
