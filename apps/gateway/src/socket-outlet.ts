import type { Socket } from 'node:net';
import { LIMITS } from '@stepcast/protocol';
import type { Turn } from './turn.js';

/**
 * The sending side of a connection: collects whole messages and writes them once per turn.
 *
 * - I1 Chunks leave in the order they were given.
 * - I2 It never refuses a chunk: the bound is kept by viewers, who stop at `maxUnsentBytes`.
 * - I3 Whenever that bound was reached, `onDrain` is called once there is room again; also when the
 *   operating system took everything at once, of which the socket says nothing.
 */
export class SocketOutlet {
  readonly #socket: Socket;
  readonly #turn: Turn;
  readonly #onDrain: () => void;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #wasFull = false;
  #isDetached = false;
  #takenBytes = 0;
  #progressAt = Date.now();
  #sentAt = Date.now();

  constructor(socket: Socket, turn: Turn, onDrain: () => void) {
    this.#socket = socket;
    this.#turn = turn;
    this.#onDrain = () => {
      this.#wasFull = false;
      if (!this.#isDetached) onDrain();
    };
    socket.on('drain', this.#onDrain);
  }

  /** Lets go of the socket, which may live on: the next response of a kept connection is not ours. */
  detach(): void {
    this.#isDetached = true;
    this.#socket.off('drain', this.#onDrain);
  }

  /** Bytes that the operating system has not taken yet. */
  get unsentBytes(): number {
    return this.#chunkBytes + this.#socket.writableLength;
  }

  /** Those that it was offered and refused: what is to be written at the end of this turn does not count. */
  get refusedBytes(): number {
    return this.#socket.writableLength;
  }

  /** When something was last written, by the clock of this process. */
  get sentAt(): number {
    return this.#sentAt;
  }

  write(chunk: Uint8Array): void {
    if (this.#chunks.push(chunk) === 1) {
      this.#turn.atEnd(() => {
        this.flush();
      });
    }
    this.#chunkBytes += chunk.byteLength;
    this.#wasFull ||= this.unsentBytes >= LIMITS.maxUnsentBytes;
  }

  /** Writes what has been collected now, before something else is written to the socket. */
  flush(): void {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    if (chunks.length === 0 || this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#sentAt = Date.now();
    if (chunks.length > 1) this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    if (chunks.length > 1) this.#socket.uncork();
    if (this.#wasFull && !this.#socket.writableNeedDrain) this.#turn.defer(this.#onDrain);
  }

  /** How long the other side has taken nothing although there was something to take. */
  stalledMs(now: number): number {
    const taken = this.#socket.bytesWritten - this.#socket.writableLength;
    if (taken !== this.#takenBytes || this.unsentBytes === 0) {
      this.#takenBytes = taken;
      this.#progressAt = now;
    }
    return now - this.#progressAt;
  }
}
