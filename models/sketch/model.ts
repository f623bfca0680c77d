import { randomInt } from 'node:crypto';

import { createRandom, defineModel, z } from '@stepcast/models';

import { beginDrawing, drawStep } from './draw.js';
import { SIDE, toPngUrl, toPreviewUrl } from './picture.js';
import { parsePrompt, vocabularySchema } from './prompt.js';

/** A step takes milliseconds, so losing nine of them is nothing, and a checkpoint is 48 KiB. */
const CHECKPOINT_EVERY = 10;

const isPicture = (value: unknown): boolean =>
  value instanceof Float32Array && value.length === 3 * SIDE * SIDE;

/** Draws what a simple prompt says: one shape, its colour, its size and the background. */
export default defineModel({
  name: 'sketch',
  description: 'Draws one coloured shape from a short prompt, from noise to picture, step by step.',
  examples: [
    { prompt: 'a red circle on white', steps: 20 },
    { prompt: 'a big golden star on a dark background', steps: 40 },
    { prompt: 'a small pink heart, blue background', steps: 20, seed: 7 },
  ],
  input: z.object({
    prompt: z.string().max(200).describe('Size, colour, shape and background, in plain words'),
    steps: z.int().min(1).max(1000).default(20).describe('Steps from noise to picture'),
    seed: z.int().optional().describe('The same prompt, steps and seed give the same picture'),
  }),
  events: {
    step: {
      schema: z.object({
        step: z.int().describe('1 to `of`'),
        of: z.int(),
        ms: z.number().describe('Time of the network in this step, in milliseconds'),
        preview: z.string().describe('The picture as it stands: a PNG as a data URL'),
      }),
      fold: 'latest',
    },
  },
  output: z.object({
    image: z.string().describe('The picture: a PNG as a data URL'),
    width: z.int(),
    height: z.int(),
    seed: z.int().describe('The seed that was used'),
  }),
  // All chance is in the noise at the beginning, so the picture as it stands and the seed are enough.
  checkpoint: z.object({
    seed: z.int(),
    step: z.int(),
    picture: z.custom<Float32Array>(isPicture),
  }),

  async load(env) {
    return {
      unet: await env.session('unet.onnx'),
      vocabulary: vocabularySchema.parse(await env.readJson('vocabulary.json')),
    };
  },

  // On two cores 8 together gain a fifth to a third; more would only make every step longer.
  batch: { maxSize: 8 },

  init(input, ctx) {
    const { loaded, saved } = ctx;
    const seed = saved?.seed ?? input.seed ?? randomInt(2 ** 31);
    const { tokens, unknown } = parsePrompt(input.prompt, loaded.vocabulary);
    if (unknown.length > 0 && !saved) ctx.log('warn', `unknown words: ${unknown.join(', ')}`);
    const order = { tokens, steps: input.steps, random: createRandom(seed), from: saved };
    return { seed, drawing: beginDrawing(order), image: '' };
  },

  async step(states, ctx) {
    const ms = await drawStep(
      ctx.loaded.unet,
      states.map(({ drawing }) => drawing),
    );
    return states.map((state) => {
      const { seed, drawing } = state;
      const { step, steps: of, picture } = drawing;
      const done = step === of;
      state.image = done ? toPngUrl(picture) : toPreviewUrl(picture);
      const events = [ctx.event('step', { step, of, ms, preview: state.image })];
      const isDue = step % CHECKPOINT_EVERY === 0 && !done;
      return { events, done, checkpoint: isDue ? { seed, step, picture } : undefined };
    });
  },

  finish({ seed, image }) {
    return { image, width: SIDE, height: SIDE, seed };
  },
});
