import { Tensor, type InferenceSession, type Random } from '@stepcast/models';

import { SIDE } from './picture.js';

/** One drawing to be made. */
export interface Order {
  /** What `parsePrompt` made of the prompt. */
  tokens: readonly number[];
  steps: number;
  /** Where the noise comes from. */
  random: Random;
  /** Goes on behind this stage, and takes nothing from `random`. */
  from?: Pick<Stage, 'step' | 'picture'> | undefined;
}

/** Where a drawing stands after a step. */
export interface Stage {
  /** 1 to `steps`. */
  step: number;
  /** What the network took for this step, in milliseconds. */
  ms: number;
  /** The drawing as it stands, noise at first and clean at last: [3, SIDE, SIDE], about -1 to 1. */
  picture: Float32Array;
}

/**
 * Draws by following the flow from noise to a picture in Euler steps. At each step the network looks
 * at the noisy picture and guesses the clean one; the noisy picture then goes a part of the way
 * towards that guess, and the last step goes all of it.
 */
export async function* draw(unet: InferenceSession, order: Order): AsyncGenerator<Stage, void> {
  const { steps, random, from } = order;
  const noisy =
    from?.picture.slice() ??
    Float32Array.from({ length: 3 * SIDE * SIDE }, () => random.gaussian());
  const tokens = new Tensor('int64', BigInt64Array.from(order.tokens, BigInt), [
    1,
    order.tokens.length,
  ]);

  for (let step = (from?.step ?? 0) + 1; step <= steps; step++) {
    const time = timeAt(step - 1, steps);
    const started = performance.now();
    const result = await unet.run({
      noisy: new Tensor('float32', noisy, [1, 3, SIDE, SIDE]),
      t: new Tensor('float32', Float32Array.of(time), [1]),
      tokens,
    });
    const ms = performance.now() - started;
    approach(noisy, floats(result['picture']), (timeAt(step, steps) - time) / (1 - time));
    yield { step, ms: Math.round(ms * 100) / 100, picture: noisy.slice() };
  }
}

/** Early times count most (what goes where is decided in strong noise), so steps are denser there. */
const NOISE_SHIFT = 2;

/** How clean the picture is after `step` of `steps`: 0 is pure noise, 1 the clean picture. */
export function timeAt(step: number, steps: number): number {
  const noise = 1 - step / steps;
  return 1 - (NOISE_SHIFT * noise) / (1 + (NOISE_SHIFT - 1) * noise);
}

function approach(from: Float32Array, to: Float32Array, part: number): void {
  from.forEach((value, index) => {
    from[index] = value + part * ((to[index] ?? 0) - value);
  });
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new TypeError(`sketch needs a float32 picture, the graph gave ${tensor?.type ?? 'none'}`);
}
