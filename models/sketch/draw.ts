import { Tensor, type InferenceSession, type Random } from '@stepcast/models';

import { SIDE } from './picture.js';

/** Numbers of one drawing. */
const SIZE = 3 * SIDE * SIDE;

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

/** A drawing that is being made. */
export interface Drawing {
  readonly tokens: readonly number[];
  readonly steps: number;
  /** How many steps are done. */
  step: number;
  /** As {@link Stage.picture}; changed in place by every step. */
  readonly picture: Float32Array<ArrayBuffer>;
}

export function beginDrawing({ tokens, steps, random, from }: Order): Drawing {
  const picture =
    from === undefined
      ? Float32Array.from({ length: SIZE }, () => random.gaussian())
      : Float32Array.from(from.picture);
  return { tokens, steps, step: from?.step ?? 0, picture };
}

/** Draws one picture, step by step. */
export async function* draw(unet: InferenceSession, order: Order): AsyncGenerator<Stage, void> {
  const drawing = beginDrawing(order);
  while (drawing.step < drawing.steps) {
    const ms = await drawStep(unet, [drawing]);
    yield { step: drawing.step, ms, picture: drawing.picture.slice() };
  }
}

/**
 * Takes one step of each drawing, all in one run of the network, wherever each of them stands. A drawing
 * follows the flow from noise to a picture in Euler steps: the network looks at the noisy picture and
 * guesses the clean one; the noisy picture then goes a part of the way towards that guess, and the last
 * step goes all of it.
 * @returns what the network took, in milliseconds
 */
export async function drawStep(
  unet: InferenceSession,
  drawings: readonly Drawing[],
): Promise<number> {
  const feeds = toFeeds(drawings);
  const started = performance.now();
  const result = await unet.run(feeds);
  const ms = performance.now() - started;
  const guesses = floats(result['picture']);
  drawings.forEach((drawing, index) => {
    const { step, steps, picture } = drawing;
    const time = timeAt(step, steps);
    const part = (timeAt(step + 1, steps) - time) / (1 - time);
    approach(picture, guesses.subarray(index * SIZE, (index + 1) * SIZE), part);
    drawing.step++;
  });
  return Math.round(ms * 100) / 100;
}

/** Early times count most (what goes where is decided in strong noise), so steps are denser there. */
const NOISE_SHIFT = 2;

/** How clean the picture is after `step` of `steps`: 0 is pure noise, 1 the clean picture. */
export function timeAt(step: number, steps: number): number {
  const noise = 1 - step / steps;
  return 1 - (NOISE_SHIFT * noise) / (1 + (NOISE_SHIFT - 1) * noise);
}

function toFeeds(drawings: readonly Drawing[]): Record<string, Tensor> {
  const batch = drawings.length;
  const times = drawings.map(({ step, steps }) => timeAt(step, steps));
  const tokens = drawings.flatMap((drawing) => drawing.tokens);
  return {
    noisy: new Tensor('float32', pack(drawings), [batch, 3, SIDE, SIDE]),
    t: new Tensor('float32', Float32Array.from(times), [batch]),
    tokens: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [batch, tokens.length / batch]),
  };
}

/** The pictures behind each other. One alone is not copied: the network only reads it. */
function pack(drawings: readonly Drawing[]): Float32Array {
  const [first] = drawings;
  if (first !== undefined && drawings.length === 1) return first.picture;
  const all = new Float32Array(drawings.length * SIZE);
  drawings.forEach(({ picture }, index) => {
    all.set(picture, index * SIZE);
  });
  return all;
}

function approach(from: Float32Array, to: Float32Array, part: number): void {
  for (let index = 0; index < from.length; index++) {
    const value = from[index] ?? 0;
    from[index] = value + part * ((to[index] ?? 0) - value);
  }
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new TypeError(`sketch needs a float32 picture, the graph gave ${tensor?.type ?? 'none'}`);
}
