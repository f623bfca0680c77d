/**
 * Groups work by turn of the event loop: everything deferred runs in one `setImmediate`, and what is
 * to happen at its end, writing to sockets, happens once per socket. One write per viewer and turn is
 * worth 8 times the deliveries of one write per event (docs/adr/0005-one-write-per-turn.md).
 */
export class Turn {
  #deferred: (() => void)[] = [];
  #atEnd: (() => void)[] = [];
  #isScheduled = false;
  readonly #onError: (error: unknown) => void;

  /** @param onError called with what a callback throws; the other callbacks run all the same */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Runs a callback in the next turn. */
  readonly defer = (callback: () => void): void => {
    this.#deferred.push(callback);
    this.#schedule();
  };

  /** Runs a callback when the deferred ones of the turn have run. */
  atEnd(callback: () => void): void {
    this.#atEnd.push(callback);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#run();
    });
  }

  #run(): void {
    this.#isScheduled = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    this.#runAll(deferred);
    const atEnd = this.#atEnd;
    this.#atEnd = [];
    this.#runAll(atEnd);
  }

  #runAll(callbacks: (() => void)[]): void {
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
