/**
 * How far a host may be ahead of its worker. What is sent is counted until the worker says that it is
 * stored; the model waits while the window is full.
 */
export class CreditWindow {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #sizes: number[] = [];
  #bytes = 0;
  #waiting: (() => void)[] = [];

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#sizes.length;
  }

  get isFull(): boolean {
    return this.#sizes.length >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  sent(bytes: number): void {
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  acked(count: number): void {
    for (const bytes of this.#sizes.splice(0, count)) this.#bytes -= bytes;
    if (!this.isFull) this.#release();
  }

  /** Resolves when there is room, or when the signal fires. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.isFull && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#waiting.push(wake);
      });
    }
  }

  #release(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
