/**
 * The clock of the store, told from here: its time at the claim plus what has passed since by a clock
 * that never jumps. A worker whose own clock is wrong by minutes still measures right.
 */
export class StoreClock {
  readonly #at: number;
  readonly #since = performance.now();

  /** @param at the clock of the store, now */
  constructor(at: number) {
    this.#at = at;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#at + Math.round(performance.now() - this.#since);
  }
}
