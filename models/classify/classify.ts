import { Tensor, type InferenceSession } from '@stepcast/models';

import type { Attribute, Scores } from './describe.js';
import { PICTURE_SIZE, SIDE } from './picture.js';

/**
 * Looks at all pictures in one run of the network.
 * @param pictures planes of red, green and blue from 0 to 1, [3, SIDE, SIDE] each
 * @returns scores for each picture, in their order
 */
export async function classify(
  network: InferenceSession,
  pictures: readonly Float32Array[],
): Promise<Scores[]> {
  const dims = [pictures.length, 3, SIDE, SIDE];
  const results = await network.run({ pictures: new Tensor('float32', pack(pictures), dims) });
  const of = (attribute: Attribute, index: number): Float32Array => {
    const all = floats(attribute, results[attribute]);
    const count = all.length / pictures.length;
    return all.subarray(index * count, (index + 1) * count);
  };
  return pictures.map((_, index) => ({
    shape: of('shape', index),
    colour: of('colour', index),
    size: of('size', index),
    background: of('background', index),
  }));
}

function pack(pictures: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pictures.length * PICTURE_SIZE);
  pictures.forEach((picture, index) => {
    all.set(picture, index * PICTURE_SIZE);
  });
  return all;
}

function floats(name: string, tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new TypeError(`classify needs float32 scores of ${name}, got ${tensor?.type ?? 'none'}`);
}
