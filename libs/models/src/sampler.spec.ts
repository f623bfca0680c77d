import { describe, expect, it } from '@jest/globals';

import { createRandom } from './random.js';
import { sampleToken, type SamplingOptions } from './sampler.js';

const PLAIN: SamplingOptions = { temperature: 1, topK: 0, topP: 1 };
// Probabilities 0.1, 0.4, 0.3 and 0.2 at temperature 1.
const LOGITS = Float32Array.from([0.1, 0.4, 0.3, 0.2], Math.log);

function frequencies(options: Partial<SamplingOptions>, count = 20_000): number[] {
  const random = createRandom(17);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const token = sampleToken(LOGITS, { ...PLAIN, ...options }, random);
    counts[token] = (counts[token] ?? 0) + 1 / count;
  }
  return counts;
}

function expectFrequencies(options: Partial<SamplingOptions>, expected: readonly number[]): void {
  frequencies(options).forEach((found, token) => {
    expect(Math.abs(found - (expected[token] ?? 0))).toBeLessThan(0.012);
  });
}

describe('sampleToken', () => {
  it('draws every token as often as its probability says', () => {
    expectFrequencies({}, [0.1, 0.4, 0.3, 0.2]);
  });

  it('takes the likeliest token at temperature 0 and with topK 1', () => {
    expect(frequencies({ temperature: 0 }, 50)[1]).toBeCloseTo(1);
    expect(frequencies({ topK: 1 }, 50)[1]).toBeCloseTo(1);
  });

  it('takes the first of equally likely tokens when greedy', () => {
    const token = sampleToken(new Float32Array(3), { ...PLAIN, temperature: 0 }, createRandom(1));

    expect(token).toBe(0);
  });

  it('sharpens below temperature 1 and flattens above', () => {
    const power = (exponent: number): number[] => {
      const raised = [0.1, 0.4, 0.3, 0.2].map((probability) => probability ** exponent);
      const total = raised.reduce((a, b) => a + b, 0);
      return raised.map((weight) => weight / total);
    };

    expectFrequencies({ temperature: 0.5 }, power(2));
    expectFrequencies({ temperature: 2 }, power(0.5));
  });

  it('keeps the k likeliest tokens in their proportion', () => {
    expectFrequencies({ topK: 2 }, [0, 4 / 7, 3 / 7, 0]);
  });

  it('keeps the fewest likeliest tokens that reach topP', () => {
    expectFrequencies({ topP: 0.35 }, [0, 1, 0, 0]);
    expectFrequencies({ topP: 0.65 }, [0, 4 / 7, 3 / 7, 0]);
    expectFrequencies({ topP: 0.95 }, [0.1, 0.4, 0.3, 0.2]);
  });

  it('measures topP within what topK left', () => {
    expectFrequencies({ topK: 2, topP: 0.5 }, [0, 1, 0, 0]);
  });

  it('takes a topK beyond the vocabulary as all of it', () => {
    expectFrequencies({ topK: 99 }, [0.1, 0.4, 0.3, 0.2]);
  });

  it('bears logits whose exponentials overflow, and tokens that are forbidden', () => {
    const logits = Float32Array.of(-Infinity, 5000, -5000);

    expect(sampleToken(logits, PLAIN, createRandom(3))).toBe(1);
  });

  it('refuses to choose from nothing', () => {
    expect(() => sampleToken(new Float32Array(0), PLAIN, createRandom(1))).toThrow(RangeError);
  });
});
