import { LIMITS, StepcastError, isEnded, isTerminalType } from '@stepcast/protocol';
import { EventWindow } from './event-window.js';
import { LogFollower, type FollowerSink } from './log-follower.js';
import { assemble, stateOf, type Base } from './log-page.js';
import type { JobLogReader, LogEntry } from './ports/job-log.port.js';
import type { LogFeed } from './ports/log-feed.port.js';
import type { Encoder } from './transport.port.js';
import type { Next, Viewer, ViewerSource } from './viewer.js';

export interface ChannelOptions {
  readonly job: string;
  readonly reader: JobLogReader;
  readonly feed: LogFeed;
  /** Runs a callback at the end of this turn of the event loop. */
  readonly defer: (callback: () => void) => void;
  /** Bytes of recent events that are kept in memory. */
  readonly maxWindowBytes: number;
}

/** Events of one read for a viewer that is behind the window. */
const OLDER_PAGE_SIZE = 256;

/**
 * A watched job in the memory of a gateway: one subscription, the recent events, the viewers.
 *
 * - I1 The window is contiguous and ends at the follower's top.
 * - I2 Whatever arrives within one turn of the event loop is encoded once per format and written once
 *   per viewer that is up to date; the others are served from their own position.
 * - I3 A second viewer needs no read from the store while its position is inside the window.
 */
export class Channel implements FollowerSink, ViewerSource {
  readonly job: string;
  readonly #options: ChannelOptions;
  readonly #follower: LogFollower;
  readonly #viewers = new Set<Viewer>();
  #base: Base = { seq: 0 };
  #epoch = '';
  #window: EventWindow;
  /** seq up to which up-to-date viewers have been written to. */
  #flushedTop = 0;
  #isFlushScheduled = false;

  constructor(options: ChannelOptions) {
    this.job = options.job;
    this.#options = options;
    this.#window = new EventWindow(0, options.maxWindowBytes);
    this.#follower = new LogFollower({ ...options, sink: this });
  }

  get epoch(): string {
    return this.#epoch;
  }

  get top(): number {
    return this.#window.top;
  }

  get isEnded(): boolean {
    const { newest } = this.#window;
    return newest !== undefined ? isTerminalType(newest.type) : this.#hasEndedBase();
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  /** False when the job is not known. */
  join(): Promise<boolean> {
    return this.#follower.join();
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
    await this.#follower.stop();
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer);
  }

  remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
  }

  next(epoch: string, seq: number): Next {
    if (epoch !== this.#epoch || seq > this.top) {
      return { kind: 'reset', reason: 'lost', base: this.#base };
    }
    if (seq < this.#base.seq) return { kind: 'reset', reason: 'trimmed', base: this.#base };
    const entries = this.#window.after(seq);
    return entries === undefined ? { kind: 'older' } : { kind: 'events', entries };
  }

  async readOlder(seq: number): Promise<Next | undefined> {
    const page = await this.#options.reader.read(
      this.job,
      seq,
      OLDER_PAGE_SIZE,
      LIMITS.maxUnsentBytes,
    );
    if (page === undefined) throw new StepcastError('job_not_found');
    if (page.record.epoch !== this.#epoch) {
      await this.catchUp();
      return undefined;
    }
    const { base, entries } = assemble(page, seq);
    if (base === undefined) return { kind: 'events', entries };
    return { kind: 'reset', reason: 'trimmed', base };
  }

  extend(entries: readonly LogEntry[]): void {
    this.#window.push(entries);
    this.#scheduleFlush();
  }

  rebase(epoch: string, base: Base): void {
    this.#epoch = epoch;
    this.#base = base;
    this.#window = new EventWindow(base.seq, this.#options.maxWindowBytes);
    this.#flushedTop = base.seq;
    this.#scheduleFlush();
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
    this.#flushedTop = this.top;
    const fresh = this.#window.after(from);
    const chunks = new Map<Encoder, Uint8Array>();
    for (const viewer of this.#viewers) {
      try {
        if (fresh === undefined || fresh.length === 0 || !viewer.isAt(this.#epoch, from)) {
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
  }

  #hasEndedBase(): boolean {
    return this.#base.state !== undefined && isEnded(stateOf(this.#base).status);
  }
}
