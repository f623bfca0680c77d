/**
 * Lets classify look at pictures whose content is known: painted ones, clean and noisy, and what sketch draws
 * for each prompt of its prompts.json.
 *
 *     node --import tsx models/classify/evaluate.ts [folder of the models]
 *
 * Ends with exit code 1 when a share is below its bar.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { loadModel, z, type LoadedModel, type Model } from '@stepcast/models';

import sketch from '../sketch/model.js';
import classify from './model.js';
import { ATTRIBUTES, drawn, painted, promptSchema, shareRight, type Sample } from './quality.js';

const [models = 'models'] = process.argv.slice(2);

const warm = (model: Model): Promise<LoadedModel> =>
  loadModel(
    { model, directory: path.resolve(models, model.name) },
    { providers: ['cpu'], threads: 0, log: () => undefined },
  );

const prompts = z
  .array(promptSchema)
  .parse(JSON.parse(await readFile(path.join(models, 'sketch/prompts.json'), 'utf8')));
const [classifier, drawer] = await Promise.all([warm(classify as Model), warm(sketch as Model)]);

async function report(name: string, samples: readonly Sample[], bar: number): Promise<void> {
  const shares = await shareRight(classifier, samples);
  const line = ATTRIBUTES.map((name) => `${name} ${(shares[name] * 100).toFixed(1)} %`).join(', ');
  const isBelow = ATTRIBUTES.some((name) => shares[name] < bar);
  if (isBelow) process.exitCode = 1;
  console.log(`${isBelow ? 'WRONG' : 'ok   '} ${name}, ${samples.length}: ${line}`);
}

await report('painted, clean', painted(500, 0), 0.97);
await report('painted, noise of 0.1', painted(500, 0.1), 0.95);
await report('painted, noise of 0.2', painted(500, 0.2), 0.8);
await report('drawn by sketch in 20 steps', await drawn(drawer, prompts, 20), 0.95);
await report('drawn by sketch in 5 steps', await drawn(drawer, prompts, 5), 0.9);
