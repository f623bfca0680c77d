import { LIMITS } from '@stepcast/protocol';

/** Bytes of answers that may wait for a client that does not read them. */
const MAX_WAITING_BYTES = LIMITS.maxUnsentBytes;

/**
 * Bounds the answers to a client that sends commands and does not read: events stop by themselves when a
 * connection is full, answers would not. A slow viewer's few commands are carried out all the same.
 */
export class AnswerRoom {
  #bytes = 0;
  #onRoom: (() => void) | undefined;

  /** Counts an answer. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Waits until the next command may be carried out. One at a time; ended by {@link empty}. */
  async wait(unsentBytes: number): Promise<void> {
    if (unsentBytes < LIMITS.maxUnsentBytes) this.#bytes = 0;
    if (this.#bytes < MAX_WAITING_BYTES) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
    this.#onRoom = undefined;
  }

  /** The connection has drained, or ended. */
  empty(): void {
    this.#bytes = 0;
    this.#onRoom?.();
  }
}
