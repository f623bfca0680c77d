// Every random choice of a run, from its seed.
import { seeded } from '../support/seed.js';

export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed).random;
  }

  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** True with this probability. */
  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** One of the items; an item of weight 2 twice as often as one of weight 1. */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let rest = this.#random() * items.reduce((sum, { weight }) => sum + weight, 0);
    return items.find(({ weight }) => (rest -= weight) < 0) ?? this.pick(items);
  }

  /** A dice of its own for a part of the run, so that what happens there leaves the others' choices alone. */
  fork(): Dice {
    return new Dice(this.int(1, 2 ** 31 - 1));
  }
}
