/**
 * Draws every prompt of prompts.json and checks what was drawn.
 *
 *     npx tsx models/sketch/evaluate.ts [folder of the model] [steps]
 *
 * Ends with exit code 1 when fewer drawings than BARS say have the right colour or shape.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createRandom, z } from '@stepcast/models';
import { InferenceSession } from 'onnxruntime-node';

import { draw } from './draw.js';
import { toPixels } from './picture.js';
import { parsePrompt, vocabularySchema } from './prompt.js';
import { recognise } from './quality.js';

/** The least share of the prompts, by attribute. */
const BARS = { colour: 0.98, shape: 0.95, size: 0.9, background: 0.98 };

const promptsSchema = z.array(
  z.object({
    prompt: z.string(),
    colour: z.string(),
    shape: z.string(),
    /** null if the prompt says no size; then any size is right. */
    size: z.string().nullable(),
    background: z.string(),
  }),
);

const [folder = 'models/sketch', steps = '20'] = process.argv.slice(2);
const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, file), 'utf8'));

const prompts = promptsSchema.parse(await readJson('prompts.json'));
const vocabulary = vocabularySchema.parse(await readJson('vocabulary.json'));
const unet = await InferenceSession.create(join(folder, 'unet.onnx'));

const right = { colour: 0, shape: 0, size: 0, background: 0 };
let overlap = 0;
const times: number[] = [];
for (const [index, expected] of prompts.entries()) {
  const { tokens } = parsePrompt(expected.prompt, vocabulary);
  const random = createRandom(index + 1);
  let picture = new Float32Array();
  for await (const stage of draw(unet, { tokens, steps: Number(steps), random })) {
    picture = Float32Array.from(stage.picture);
    times.push(stage.ms);
  }
  const found = recognise(toPixels(picture));
  const verdict = {
    colour: found.colour === expected.colour,
    shape: found.shape === expected.shape,
    size: expected.size === null || found.size === expected.size,
    background: found.background === expected.background,
  };
  right.colour += Number(verdict.colour);
  right.shape += Number(verdict.shape);
  right.size += Number(verdict.size);
  right.background += Number(verdict.background);
  overlap += found.overlap / prompts.length;
  const isRight = Object.values(verdict).every(Boolean);
  const seen = [found.size, found.colour, found.shape, 'on', found.background].join(' ');
  const fit = found.overlap.toFixed(2);
  console.log(`${isRight ? 'ok   ' : 'WRONG'} ${fit} ${expected.prompt.padEnd(56)} ${seen}`);
}

times.sort((a, b) => a - b);
const share = (name: keyof typeof BARS): string => `${name} ${right[name]}/${prompts.length}`;
console.log(
  `\n${[share('colour'), share('shape'), share('size'), share('background')].join(', ')}`,
);
console.log(`mean overlap ${overlap.toFixed(3)}, median step ${times[times.length >> 1] ?? 0} ms`);

const isBelow = (name: keyof typeof BARS): boolean => right[name] / prompts.length < BARS[name];
if (isBelow('colour') || isBelow('shape') || isBelow('size') || isBelow('background')) {
  process.exitCode = 1;
}
