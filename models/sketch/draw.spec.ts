import { describe, expect, it } from '@jest/globals';
import { createRandom, Tensor, type InferenceSession } from '@stepcast/models';
import { draw, timeAt } from './draw.js';
import { SIDE } from './picture.js';

interface Call {
  noisy: number[];
  t: number;
  dims: readonly number[];
}

/** A network that always guesses the same grey, and notes what it was shown. */
function guesser(grey: number) {
  const calls: Call[] = [];
  const run = (feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> => {
    const noisy = Array.from(feeds['noisy']!.data as Float32Array);
    const [t] = feeds['t']!.data as Float32Array;
    calls.push({ noisy, t: t!, dims: feeds['tokens']!.dims });
    const picture = new Float32Array(3 * SIDE * SIDE).fill(grey);
    return Promise.resolve({ picture: new Tensor('float32', picture, [1, 3, SIDE, SIDE]) });
  };
  return { calls, unet: { run } as unknown as InferenceSession };
}

async function drawWith(unet: InferenceSession, { steps = 4, seed = 1 } = {}) {
  const stages = [];
  const order = { tokens: [1, 2, 0], steps, random: createRandom(seed) };
  for await (const stage of draw(unet, order)) stages.push(stage);
  return stages;
}

describe('draw', () => {
  it('gives a stage for each step, the last of which is the guess of the network', async () => {
    const { unet, calls } = guesser(0.5);

    const stages = await drawWith(unet);

    expect(stages.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect([...stages[0]!.picture]).toEqual(calls[1]!.noisy);
    expect(stages[0]!.picture).not.toBe(stages[1]!.picture);
    expect(stages[3]!.picture.every((value) => Math.abs(value - 0.5) < 1e-6)).toBe(true);
    expect(calls.map(({ dims }) => dims)).toEqual(Array(4).fill([1, 3]));
  });

  it('begins with pure noise at time 0 and comes nearer to the guess with every step', async () => {
    const { unet, calls } = guesser(0.5);

    await drawWith(unet);

    const distances = calls.map(({ noisy }) =>
      Math.sqrt(noisy.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / noisy.length),
    );
    expect(calls[0]!.t).toBe(0);
    expect(distances[0]).toBeGreaterThan(1);
    distances.forEach((distance, step) => {
      // What is left of the way is what is left of the time.
      expect(distance).toBeCloseTo(distances[0]! * (1 - timeAt(step, 4)), 4);
    });
  });

  it('begins with the same noise for the same seed only', async () => {
    const { unet, calls } = guesser(0);

    await drawWith(unet, { steps: 1, seed: 5 });
    await drawWith(unet, { steps: 1, seed: 5 });
    await drawWith(unet, { steps: 1, seed: 6 });

    expect(calls[1]!.noisy).toEqual(calls[0]!.noisy);
    expect(calls[2]!.noisy).not.toEqual(calls[0]!.noisy);
  });
});

describe('draw, going on', () => {
  it('makes the same stages behind any of them, whatever its random numbers', async () => {
    const { unet } = guesser(0.5);
    const whole = await drawWith(unet, { seed: 1 });

    for (const from of whole) {
      const rest = [];
      const order = { tokens: [1, 2, 0], steps: 4, random: createRandom(2), from };
      for await (const stage of draw(unet, order)) rest.push(stage);

      expect(rest.map(({ step }) => step)).toEqual([1, 2, 3, 4].slice(from.step));
      expect(rest.map(({ picture }) => picture)).toEqual(
        whole.slice(from.step).map(({ picture }) => picture),
      );
    }
  });
});

describe('timeAt', () => {
  it('goes from 0 to 1, slowly at first', () => {
    const times = Array.from({ length: 21 }, (_, step) => timeAt(step, 20));

    expect(times[0]).toBe(0);
    expect(times[20]).toBe(1);
    expect(times[10]).toBeLessThan(0.5);
    times.slice(1).forEach((time, step) => {
      expect(time).toBeGreaterThan(times[step]!);
    });
  });
});
