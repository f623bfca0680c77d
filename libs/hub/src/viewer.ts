import {
  LIMITS,
  StepcastError,
  encodePosition,
  isTerminalType,
  type Position,
  type ResetReason,
} from '@stepcast/protocol';
import { stateOf, type Base } from './log-page.js';
import type { LogEntry } from './ports/job-log.port.js';
import type { Encoder, Transport } from './transport.port.js';

/** Bytes of events in one write to a viewer that catches up. */
const MAX_CHUNK_BYTES = 16_384;

/** What a viewer at some position is to be sent next. */
export type Next =
  | { readonly kind: 'events'; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'reset'; readonly reason: ResetReason; readonly base: Base }
  /** The events are older than what is in memory: {@link ViewerSource.readOlder}. */
  | { readonly kind: 'older' };

/** What a viewer needs of its channel. */
export interface ViewerSource {
  readonly job: string;
  readonly epoch: string;
  /** Whether the newest event is the terminal one. */
  readonly isEnded: boolean;
  /** What comes behind a position; no `events` = up to date. */
  next(epoch: string, seq: number): Next;
  /**
   * Reads events behind `seq` that are no longer in memory; undefined = the log has changed, ask anew.
   * @throws {StepcastError} `job_not_found`, `unavailable`
   */
  readOlder(seq: number): Promise<Next | undefined>;
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

/**
 * One job on one connection: a position and nothing else, so that a slow viewer costs an integer.
 *
 * - I1 After seq n the viewer is sent n+1, or a reset and a snapshot.
 * - I2 Nothing is written while the connection has more than `maxUnsentBytes` unsent; the owner of the
 *   connection calls {@link pump} when it has drained.
 * - I3 The terminal event is the last thing written.
 */
export class Viewer {
  readonly #options: ViewerOptions;
  #epoch: string;
  #seq: number;
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

  /** Writes events that directly continue the position, encoded by the channel. */
  deliver(chunk: Uint8Array, entries: readonly LogEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined || this.#isDetached) return;
    this.#options.transport.write(chunk);
    this.#seq = last.seq;
    if (isTerminalType(last.type)) this.#end();
  }

  /** Sends what the viewer lacks, as far as the connection takes it. */
  pump(): void {
    while (this.#canWrite() && this.#step(this.#next()));
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
      case 'events': {
        const entries = firstBytes(next.entries, MAX_CHUNK_BYTES);
        if (entries.length === 0) this.#endAfterSnapshot();
        return this.#deliverAlone(entries);
      }
    }
  }

  /** Encodes events for this viewer alone; false when there are none. */
  #deliverAlone(entries: readonly LogEntry[]): boolean {
    if (entries.length === 0) return false;
    this.deliver(this.encoder.events(this.#epoch, entries), entries);
    return true;
  }

  #reset({ reason, base }: Next & { kind: 'reset' }): void {
    const { channel, transport } = this.#options;
    const { epoch, job } = channel;
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
    this.#epoch = epoch;
    this.#seq = base.seq;
  }

  #readOlder(): void {
    this.#isReading = true;
    this.#options.channel
      .readOlder(this.#seq)
      .then((next) => {
        this.#isReading = false;
        if (this.#isDetached) return;
        // A page is bounded where it is read; what is left of it would only be read again.
        if (next?.kind === 'events') this.#deliverAlone(next.entries);
        else if (next !== undefined) this.#step(next);
        this.pump();
      })
      .catch((error: unknown) => {
        this.fail(error);
      });
  }

  /** A job may have ended inside a snapshot, or before the viewer's position. */
  #endAfterSnapshot(): void {
    if (this.#options.channel.isEnded) this.#end();
  }

  #end(): void {
    this.detach();
    this.#options.onEnd();
  }
}

/** The first entries that together stay under a number of bytes; at least one. */
function firstBytes(entries: readonly LogEntry[], maxBytes: number): readonly LogEntry[] {
  let bytes = 0;
  const end = entries.findIndex((entry, index) => {
    bytes += entry.json.length;
    return bytes > maxBytes && index > 0;
  });
  return end === -1 ? entries : entries.slice(0, end);
}
