// Random faults, one every second or two, until the time is over.
import { setTimeout as delay } from 'node:timers/promises';

import type { Dice } from './dice.js';
import { faultKinds, type FaultKind } from './faults.js';
import type { World } from './world.js';

export interface Struck {
  readonly kind: string;
  readonly at: number;
  /** When what it broke was whole again. */
  overAt?: number;
  what: string;
}

/** Two cores cope with so much at a time. */
const MAX_AT_ONCE = 3;

export class Schedule {
  readonly struck: Struck[] = [];
  /** Faults that could not be made or mended: the run itself is broken. */
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #dice: Dice;
  readonly #kinds: readonly FaultKind[];
  readonly #running = new Set<Promise<void>>();
  #isOut = false;

  /** @param only part of the names of the faults to make; default all */
  constructor(world: World, dice: Dice, only: string | undefined) {
    this.#world = world;
    this.#dice = dice;
    this.#kinds = faultKinds.filter(
      ({ name }) => only === undefined || new RegExp(only).test(name),
    );
  }

  /** Resolves when the time is over and everything is whole again. */
  async run(untilMs: number): Promise<void> {
    await delay(1_000);
    while (Date.now() < untilMs && this.#kinds.length > 0) {
      if (this.#running.size < MAX_AT_ONCE) this.#strike();
      await delay(this.#dice.int(1_000, 2_000));
    }
    await Promise.all(this.#running);
  }

  #strike(): void {
    const kind = this.#dice.weighted(this.#kinds);
    // Its own dice: how long one fault takes leaves what comes next alone.
    const dice = this.#dice.fork();
    if (kind.isOutage === true && this.#isOut) return;
    const struck: Struck = { kind: kind.name, at: Date.now(), what: '' };
    this.struck.push(struck);
    if (kind.isOutage === true) this.#isOut = true;
    const strike = kind
      .strike(this.#world, dice)
      .then((what) => {
        struck.what = what ?? 'nothing to do it to';
      })
      .catch((error: unknown) => {
        struck.what = String(error);
        this.problems.push(`${kind.name}: ${String(error)}`);
      })
      .finally(() => {
        struck.overAt = Date.now();
        if (kind.isOutage === true) this.#isOut = false;
        this.#running.delete(strike);
      });
    this.#running.add(strike);
  }
}
