/** @jest-environment ./libs/models/testing/ort-environment.mjs */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom, loadModel, type LoadedModel } from '@stepcast/models';

import type { Description } from './describe.js';
import { CIRCLE, STAR } from './examples.js';
import classify from './model.js';
import { paint, toUrl } from './paint.js';
import { readPicture, SIDE } from './picture.js';
import { ATTRIBUTES, runAll } from './quality.js';

const DIRECTORY = new URL('.', import.meta.url).pathname;

const toTensor = (planes: Float32Array) => ({
  dtype: 'float32',
  shape: [3, SIDE, SIDE],
  data: Buffer.from(planes.buffer, planes.byteOffset, planes.byteLength).toString('base64'),
});

describe('the input of classify', () => {
  /** What a client is told, as "path: message". */
  const faultsOf = (input: unknown) => {
    const issues = classify.input.safeParse(input).error?.issues ?? [];
    return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it.each([
    ['a PNG as a data URL', { image: STAR }],
    ['a tensor in base64', { tensor: toTensor(readPicture(STAR)) }],
    [
      'a tensor as numbers',
      { tensor: { ...toTensor(readPicture(STAR)), data: [...readPicture(STAR)] } },
    ],
  ])('may be %s', (_, input) => {
    expect(faultsOf(input)).toEqual([]);
  });

  it('is one of them, and not both', () => {
    expect(faultsOf({})).toEqual([': give either image or tensor']);
    expect(faultsOf({ image: STAR, tensor: toTensor(readPicture(STAR)) })).toEqual([
      ': give either image or tensor',
    ]);
  });

  it.each([
    ['another kind of picture', 'data:image/jpeg;base64,AAAA', 'must be a PNG as a data URL'],
    ['an address', 'https://example.com/a.png', 'must be a PNG as a data URL'],
    ['what is no base64', 'data:image/png;base64,ü', 'must be a PNG as a data URL'],
    ['no PNG behind the data URL', 'data:image/png;base64,AAAA', 'is not a PNG'],
    ['a PNG that was cut off', STAR.slice(0, -40), 'is a damaged PNG'],
    ['more than 64 KiB', `data:image/png;base64,${'A'.repeat(70_000)}`, '<=65536 characters'],
  ])('must not be %s', (_, image, message) => {
    const faults = faultsOf({ image });

    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`image: `);
    expect(faults[0]).toContain(message);
  });

  it.each([-0.01, 1.01, NaN, Infinity])('must not be a tensor that holds %d', (value) => {
    const planes = readPicture(STAR);
    planes[100] = value;

    expect(faultsOf({ tensor: toTensor(planes) })).toEqual([
      'tensor: must hold numbers from 0 to 1',
    ]);
  });

  it('must not be a tensor of another shape', () => {
    const tensor = { ...toTensor(readPicture(STAR)), shape: [SIDE, SIDE, 3] };

    expect(faultsOf({ tensor })).toEqual(['tensor.shape: must be [3, 64, 64], is [64, 64, 3]']);
  });
});

describe('classify', () => {
  let warm: LoadedModel;

  beforeAll(async () => {
    const options = { providers: ['cpu'], threads: 1, log: () => undefined };
    warm = await loadModel({ model: classify, directory: DIRECTORY }, options);
  });
  afterAll(() => warm.unload());

  const look = async (input: unknown) => (await runAll<Description>(warm, [input]))[0]!;

  it('says what its examples show', async () => {
    expect((await look({ image: STAR })).caption).toBe('a big yellow star on black');
    expect((await look({ image: CIRCLE })).caption).toBe('a big red circle on white');
  });

  it('sees the same in a picture and in its tensor', async () => {
    const tensor = toTensor(readPicture(STAR));

    expect(await look({ tensor })).toEqual(await look({ image: STAR }));
  });

  it('says the same of every picture of a batch as of the picture alone', async () => {
    const random = createRandom(3);
    const inputs = Array.from({ length: 7 }, () => ({ image: toUrl(paint(random, 0.1).planes) }));

    const together = await runAll<Description>(warm, inputs);

    for (const [index, input] of inputs.entries()) {
      const [of, alone] = [together[index]!, await look(input)];
      expect(of.caption).toBe(alone.caption);
      for (const attribute of ATTRIBUTES) {
        expect(of[attribute].label).toBe(alone[attribute].label);
        // Kernels may add up in another order, and scores are rounded to 0.0001.
        expect(Math.abs(of[attribute].score - alone[attribute].score)).toBeLessThan(0.00021);
      }
    }
  });
});
