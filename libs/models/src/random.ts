import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { mersenne, mersenneFromState } from 'pure-rand/generator/mersenne';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A stream of random numbers that depends on nothing but its seed. */
export interface Random {
  /** The next number, uniform in [0, 1). */
  uniform(): number;
  /** The next number of the normal distribution with mean 0 and variance 1. */
  gaussian(): number;
  /** Where the stream stands, for a checkpoint: 625 integers for {@link restoreRandom}. */
  save(): number[];
}

/**
 * Starts a stream of random numbers. The same seed gives the same numbers on every machine that
 * runs the same version of V8, so a model that takes all its chances from here can be repeated.
 *
 * @param seed - any integer; only its lower 32 bits count
 */
export function createRandom(seed: number): Random {
  // Not xoroshiro128plus: its streams of neighbouring seeds begin with nearly the same numbers.
  return fromGenerator(mersenne(seed | 0));
}

/**
 * Goes on with a stream where it was saved.
 * @throws {Error} when the state is none that {@link Random.save} gave
 */
export function restoreRandom(state: readonly number[]): Random {
  return fromGenerator(mersenneFromState(state));
}

function fromGenerator(generator: RandomGenerator): Random {
  const uniform = (): number => uniformFloat64(generator);
  return {
    uniform,
    gaussian: () => {
      // Box and Muller; 1 - u is in (0, 1], so that the logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return radius * Math.cos(2 * Math.PI * uniform());
    },
    save: () => [...generator.getState()],
  };
}
