import { describe, expect, it } from '@jest/globals';

import { createRandom, restoreRandom } from './random.js';

const COUNT = 20_000;

function draw(seed: number, kind: 'uniform' | 'gaussian', count = COUNT): number[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random[kind]());
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

describe('createRandom', () => {
  it('repeats itself with the same seed and not with another', () => {
    expect(draw(5, 'gaussian', 50)).toEqual(draw(5, 'gaussian', 50));
    expect(draw(5, 'gaussian', 50)).not.toEqual(draw(6, 'gaussian', 50));
  });

  it('goes on where it was saved', () => {
    const random = createRandom(5);
    for (let count = 0; count < 700; count++) random.gaussian();
    const state = random.save();
    const rest = Array.from({ length: 700 }, () => random.uniform());
    const restored = restoreRandom(state);

    expect(Array.from({ length: 700 }, () => restored.uniform())).toEqual(rest);
    expect(() => restoreRandom([1, 2])).toThrow(/state/);
  });

  it('takes seeds beyond 32 bits', () => {
    expect(draw(2 ** 40 + 5, 'uniform', 5)).toEqual(draw(5, 'uniform', 5));
  });

  it('begins differently for neighbouring seeds', () => {
    const firsts = Array.from({ length: 1000 }, (_, seed) => createRandom(seed).uniform());

    expect(mean(firsts)).toBeCloseTo(0.5, 1);
    expect(Math.abs(mean(firsts.map((value) => value ** 2)) - 1 / 3)).toBeLessThan(0.05);
    const pairs = firsts.slice(1).map((value, index) => (value - 0.5) * (firsts[index]! - 0.5));
    expect(Math.abs(mean(pairs))).toBeLessThan(0.01);
  });

  it('spreads uniform numbers evenly over [0, 1)', () => {
    const values = draw(1, 'uniform');

    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1 / 3, 2);
  });

  it('draws gaussian numbers of mean 0, variance 1 and no skew, all finite', () => {
    const values = draw(2, 'gaussian');

    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(0.03);
    expect(Math.abs(mean(values.map((value) => value ** 2)) - 1)).toBeLessThan(0.04);
    expect(Math.abs(mean(values.map((value) => value ** 3)))).toBeLessThan(0.1);
  });
});
