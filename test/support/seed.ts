// Random choices that can be made again: everything random in a test comes from one seed.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Seeded {
  /** What a failing test must show. */
  readonly seed: number;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random: () => number;
}

/**
 * @param seed default `FAULT_SEED`, else a random one; this says which, so that a test that fails by its
 *   deadline can be repeated too
 */
export function seeded(seed = chooseSeed()): Seeded {
  const generator = xoroshiro128plus(seed);
  return { seed, random: () => (generator.next() >>> 0) / 2 ** 32 };
}

function chooseSeed(): number {
  const named = Number(process.env['FAULT_SEED']);
  const isGiven = Number.isSafeInteger(named) && named > 0;
  const seed = isGiven ? named : Math.floor(Math.random() * 2 ** 31);
  process.stdout.write(`FAULT_SEED=${seed}\n`);
  return seed;
}
