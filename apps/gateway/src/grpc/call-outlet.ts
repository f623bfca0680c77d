import { LIMITS } from '@stepcast/protocol';
import type { Turn } from '../turn.js';

/** Hands one message to the call; `taken` is called once HTTP/2 has let it go. */
export type WriteMessage = (message: Uint8Array, taken: () => void) => void;

/**
 * How long HTTP/2 may keep a message before it counts as refused: it always answers in a later turn, and a
 * burst makes nobody slow.
 */
const REFUSED_AFTER_MS = 100;

/**
 * The sending side of a streaming call: counts what flow control has not let go.
 *
 * - I1 Messages leave in the order they were given, at the end of the turn.
 * - I2 It refuses nothing: the bound is kept by viewers, who stop at `maxUnsentBytes`.
 * - I3 Whenever that bound was reached, `onDrain` is called once there is room again.
 */
export class CallOutlet {
  readonly #write: WriteMessage;
  readonly #turn: Turn;
  readonly #onDrain: () => void;
  readonly #now: () => number;
  #collected: Uint8Array[] = [];
  #unsentBytes = 0;
  #wasFull = false;
  #isDetached = false;
  /** When each message was handed over that is not taken yet, oldest first. */
  readonly #writtenAt: number[] = [];
  #progressAt = 0;

  constructor(write: WriteMessage, turn: Turn, onDrain: () => void, now = Date.now) {
    this.#write = write;
    this.#turn = turn;
    this.#onDrain = onDrain;
    this.#now = now;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get refusedBytes(): number {
    const [oldest] = this.#writtenAt;
    const isRefused = oldest !== undefined && this.#now() - oldest >= REFUSED_AFTER_MS;
    return isRefused ? this.#unsentBytes : 0;
  }

  write(message: Uint8Array): void {
    if (this.#collected.push(message) === 1) {
      this.#turn.atEnd(() => {
        this.flush();
      });
    }
    if (this.#unsentBytes === 0) this.#progressAt = this.#now();
    this.#unsentBytes += message.byteLength;
    this.#wasFull ||= this.#unsentBytes >= LIMITS.maxUnsentBytes;
  }

  /** Hands over what has been collected now, before the call is ended. */
  flush(): void {
    const messages = this.#collected;
    this.#collected = [];
    if (this.#isDetached) return;
    for (const message of messages) {
      this.#writtenAt.push(this.#now());
      this.#write(message, () => {
        this.#taken(message.byteLength);
      });
    }
  }

  /** Nothing is written or told any more. */
  detach(): void {
    this.#isDetached = true;
    this.#collected = [];
  }

  /** How long the other side has taken nothing although there was something to take. */
  stalledMs(now: number): number {
    return this.#unsentBytes === 0 ? 0 : now - this.#progressAt;
  }

  #taken(bytes: number): void {
    this.#unsentBytes -= bytes;
    this.#progressAt = this.#now();
    this.#writtenAt.shift();
    if (!this.#wasFull || this.#unsentBytes >= LIMITS.maxUnsentBytes) return;
    this.#wasFull = false;
    this.#turn.defer(() => {
      if (!this.#isDetached) this.#onDrain();
    });
  }
}
