import {
  LIMITS,
  StepcastError,
  encodePosition,
  isTerminalType,
  type Position,
  type ResetReason,
} from '@stepcast/protocol';
import { mergeBacklog } from './backlog.js';
import type { FoldOf } from './fold.js';
import type { HubObserver } from './hub-observer.js';
import { stateOf, type Base } from './log-page.js';
import type { LogEntry } from './ports/job-log.port.js';
import type { Encoder, Transport } from './transport.port.js';

/**
 * Bytes of events in one write to a viewer that catches up, and of what one joined event stands for.
 * Counted as {@link chunksOf} does.
 */
export const MAX_CHUNK_BYTES = 16_384;

/** What a viewer at some position is to be sent next. */
export type Next =
  | { readonly kind: 'events'; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'reset'; readonly reason: ResetReason; readonly base: Base }
  /** What is to be sent is no longer in memory: {@link ViewerSource.readOlder}. */
  | { readonly kind: 'older' };

/** What a viewer needs of its channel. */
export interface ViewerSource {
  readonly job: string;
  readonly epoch: string;
  /** How the job's model lets the backlog of a slow viewer be merged. */
  readonly foldOf: FoldOf;
  readonly maxChunkBytes: number;
  readonly observer: HubObserver;
  /** Whether the newest event is the terminal one. */
  readonly isEnded: boolean;
  /** What comes behind a position; no `events` = up to date. */
  next(epoch: string, seq: number): Next;
  /** Whether the events behind a position are about to be sent to everybody who is there. */
  isAboutToSend(epoch: string, seq: number): boolean;
  /** Calls back after a short while: store and channel differ, and one of them will catch up. */
  later(callback: () => void): void;
  /**
   * Reads what follows a position and is no longer in memory; undefined = the log has changed, ask anew.
   * @throws {StepcastError} `job_not_found`, `unavailable`
   */
  readOlder(epoch: string, seq: number): Promise<Next | undefined>;
  remove(viewer: Viewer): void;
}

export interface ViewerOptions {
  readonly channel: ViewerSource;
  readonly transport: Transport;
  /** The last position that the viewer has seen. */
  readonly position: Position;
  /** The terminal event has been written: nothing follows. */
  readonly onEnd: () => void;
  /** The job cannot be shown any further; the viewer is detached, its connection may live on. */
  readonly onFail: (error: StepcastError) => void;
}

/** `joining` until it has everything for the first time; `slow` when it then stopped taking what came. */
type Pace = 'joining' | 'live' | 'slow';

/**
 * One job on one connection: a position and its pace, so that a slow viewer costs an integer.
 *
 * ```
 *  joining ──has everything──► live ──events come, and its connection has not taken the last ones──► slow
 *                                ▲                                                                    │
 *                                └──────────────────────────has everything───────────────────────────┘
 * ```
 *
 * - I1 After seq n the viewer is sent n+1, or a reset and a snapshot; only while it is slow, and more than
 *   a chunk behind, what the model's folds leave of its backlog (backlog.ts).
 * - I2 Nothing is written while the connection has more than `maxUnsentBytes` unsent; the owner of the
 *   connection calls {@link pump} when it has drained.
 * - I3 The terminal event is the last thing written.
 */
export class Viewer {
  readonly #options: ViewerOptions;
  #epoch: string;
  #seq: number;
  #pace: Pace = 'joining';
  #isReading = false;
  #isDetached = false;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.#epoch = options.position.epoch;
    this.#seq = options.position.seq;
  }

  get encoder(): Encoder {
    return this.#options.transport.encoder;
  }

  /** Whether exactly the events up to `seq` have been written and the next can be. */
  isAt(epoch: string, seq: number): boolean {
    return this.#seq === seq && this.#epoch === epoch && this.#canWrite();
  }

  /** Writes the newest events, which directly continue the position, encoded by the channel. */
  deliver(chunk: Uint8Array, entries: readonly LogEntry[]): void {
    this.#pace = 'live';
    this.#write(chunk, entries);
  }

  /**
   * Sends what the viewer lacks, as far as the connection takes it. Throws nothing, because it is called
   * from events of sockets too: a fault ends this viewer alone.
   */
  pump(): void {
    const { channel, transport } = this.#options;
    const isStuck = transport.refusedBytes >= LIMITS.maxUnsentBytes;
    if (isStuck && this.#pace === 'live') this.#pace = 'slow';
    // What the next turn sends to all is not encoded for this one alone.
    if (channel.isAboutToSend(this.#epoch, this.#seq)) return;
    try {
      while (this.#canWrite() && this.#step(this.#next()));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the viewer, not its connection. */
  fail(error: unknown): void {
    if (this.#isDetached) return;
    this.detach();
    this.#options.onFail(StepcastError.from(error));
  }

  detach(): void {
    if (this.#isDetached) return;
    this.#isDetached = true;
    this.#options.channel.remove(this);
  }

  #canWrite(): boolean {
    const { transport } = this.#options;
    return !this.#isDetached && !this.#isReading && transport.unsentBytes < LIMITS.maxUnsentBytes;
  }

  #next(): Next {
    return this.#options.channel.next(this.#epoch, this.#seq);
  }

  /** Does one thing; false when there is nothing more to do now. */
  #step(next: Next): boolean {
    switch (next.kind) {
      case 'reset':
        this.#reset(next);
        return true;
      case 'older':
        this.#readOlder();
        return false;
      case 'events':
        if (next.entries.length === 0) this.#haveAll();
        for (const chunk of this.#chunksOf(next.entries)) {
          this.#write(this.encoder.events(this.#epoch, chunk), chunk);
          if (!this.#canWrite()) return false;
        }
        return next.entries.length > 0;
    }
  }

  /** What is to be written of a backlog, for this viewer alone. */
  #chunksOf(backlog: readonly LogEntry[]): Generator<readonly LogEntry[]> {
    const { foldOf, maxChunkBytes } = this.#options.channel;
    const isFarBehind = this.#pace === 'slow' && bytesOf(backlog) > maxChunkBytes;
    const entries = isFarBehind ? mergeBacklog(backlog, foldOf, maxChunkBytes) : backlog;
    return chunksOf(entries, maxChunkBytes);
  }

  #write(chunk: Uint8Array, entries: readonly LogEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined || this.#isDetached) return;
    this.#options.transport.write(chunk);
    const merged = last.seq - this.#seq - entries.length;
    if (merged > 0) this.#options.channel.observer.merged(merged);
    this.#seq = last.seq;
    if (isTerminalType(last.type)) this.#end();
  }

  #reset(next: Next & { kind: 'reset' }): void {
    const { channel, transport } = this.#options;
    const { epoch, job } = channel;
    const { base } = next;
    // Trimmed behind its back, while it did not take what came: nobody asked for an old position.
    const isLate = next.reason === 'trimmed' && this.#pace === 'slow';
    const reason = isLate ? 'slow' : next.reason;
    const state = stateOf(base);
    transport.write(this.encoder.reset({ job, epoch, reason }));
    transport.write(
      this.encoder.snapshot({
        job,
        position: encodePosition({ epoch, seq: base.seq }),
        attempt: state.attempt,
        status: state.status,
        state,
      }),
    );
    channel.observer.reset(reason);
    this.#epoch = epoch;
    this.#seq = base.seq;
  }

  #readOlder(): void {
    this.#isReading = true;
    this.#options.channel
      .readOlder(this.#epoch, this.#seq)
      .then((next) => {
        this.#isReading = false;
        // Other jobs may have filled the connection meanwhile: it is read again when it has drained.
        if (!this.#canWrite()) return;
        if (next === undefined || (next.kind === 'events' && next.entries.length === 0)) {
          this.#options.channel.later(() => {
            this.pump();
          });
          return;
        }
        if (next.kind === 'events') this.#sendPage(next.entries);
        else this.#step(next);
        this.pump();
      })
      .catch((error: unknown) => {
        this.fail(error);
      });
  }

  /** A page is bounded where it is read, and what is left of it would only be read again. */
  #sendPage(entries: readonly LogEntry[]): void {
    for (const chunk of this.#chunksOf(entries)) {
      this.#write(this.encoder.events(this.#epoch, chunk), chunk);
    }
  }

  /** The viewer is up to date. A job may have ended inside a snapshot, or before its position. */
  #haveAll(): void {
    this.#pace = 'live';
    if (this.#options.channel.isEnded) this.#end();
  }

  #end(): void {
    this.detach();
    this.#options.onEnd();
  }
}

function bytesOf(entries: readonly LogEntry[]): number {
  return entries.reduce((sum, { json }) => sum + json.length, 0);
}

/**
 * The same entries in lists that stay under a number of bytes each, but hold at least one. Bytes are
 * counted as characters, because measuring would cost more than the bound is worth: a list of what is not
 * Latin text may be up to three times as long when it is sent.
 */
export function* chunksOf(
  entries: Iterable<LogEntry>,
  maxBytes: number,
): Generator<readonly LogEntry[]> {
  let chunk: LogEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.json.length;
    if (bytes > maxBytes && chunk.length > 0) {
      yield chunk;
      chunk = [];
      bytes = entry.json.length;
    }
    chunk.push(entry);
  }
  if (chunk.length > 0) yield chunk;
}
