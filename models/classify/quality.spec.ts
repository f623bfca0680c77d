/** @jest-environment ./libs/models/testing/ort-environment.mjs */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadModel, z, type LoadedModel, type Model } from '@stepcast/models';

import sketch from '../sketch/model.js';
import classify from './model.js';
import { ATTRIBUTES, drawn, painted, promptSchema, shareRight } from './quality.js';

const MODELS = new URL('..', import.meta.url);

describe('classify, by its real weights', () => {
  let classifier: LoadedModel;
  let drawer: LoadedModel;

  beforeAll(async () => {
    const warm = (model: Model) =>
      loadModel(
        { model, directory: new URL(model.name, MODELS).pathname },
        { providers: ['cpu'], threads: 1, log: () => undefined },
      );
    [classifier, drawer] = await Promise.all([warm(classify as Model), warm(sketch as Model)]);
  });
  afterAll(() => Promise.all([classifier.unload(), drawer.unload()]));

  it.each([
    ['clean', 0],
    ['noisy', 0.1],
  ])('is right about pictures that training never saw, %s', async (_, noise) => {
    const shares = await shareRight(classifier, painted(30, noise));

    // On hundreds of them it is right about 97 % and more; two of thirty may be among the others.
    for (const name of ATTRIBUTES) expect(shares[name]).toBeGreaterThanOrEqual(0.9);
  });

  it('is right about what sketch draws', async () => {
    const all: unknown = JSON.parse(await readFile(new URL('sketch/prompts.json', MODELS), 'utf8'));
    // One in six, and half the usual steps, to be quick.
    const prompts = z
      .array(promptSchema)
      .parse(all)
      .filter((__, index) => index % 6 === 0);

    const shares = await shareRight(classifier, await drawn(drawer, prompts, 10));

    for (const name of ATTRIBUTES) expect(shares[name]).toBeGreaterThanOrEqual(0.9);
  });
});
