import { randomInt } from 'node:crypto';

import { createRandom, defineModel, restoreRandom, z } from '@stepcast/models';

import { generate, makeRoom } from './generate.js';
import { configSchema, Reader } from './reader.js';
import { TextStream } from './text-stream.js';
import { createTokenizer } from './tokenizer.js';

/** Half a second of work at most is done again; a checkpoint is some 4 KiB. */
const CHECKPOINT_EVERY_TOKENS = 16;

/**
 * A text that is being written. The key/value cache is not in it: 2 MiB, and reading the tokens again makes
 * the same one.
 */
const draftSchema = z.object({
  seed: z.int(),
  tokens: z.array(z.int()),
  random: z.array(z.int()),
  heldBack: z.object({ pending: z.array(z.int()), held: z.string() }),
  text: z.string(),
});

function newDraft(seed: number): z.output<typeof draftSchema> {
  const random = createRandom(seed).save();
  return { seed, tokens: [], random, heldBack: { pending: [], held: '' }, text: '' };
}

/** Writes little stories, token by token: what a language model looks like to a viewer. */
export default defineModel({
  name: 'writer',
  description: 'Writes a little story, or goes on with yours, word by word.',
  examples: [
    { prompt: '', maxTokens: 200 },
    { prompt: 'Once upon a time there was a brave robot named Ada.', maxTokens: 256 },
    { prompt: 'Leo was a sleepy dragon.', maxTokens: 128, temperature: 0, stop: ['The end.'] },
  ],
  input: z.object({
    prompt: z.string().max(2000).default('').describe('How the story begins'),
    maxTokens: z.int().min(1).max(1024).default(128).describe('Bounded by the context of 512'),
    temperature: z.number().min(0).max(2).default(0.8).describe('0 always takes the likeliest'),
    topK: z.int().min(0).default(0).describe('Only the k likeliest tokens; 0 is off'),
    topP: z.number().gt(0).max(1).default(1).describe('Only tokens of this joint probability'),
    seed: z.int().optional().describe('The same input and seed give the same text'),
    stop: z
      .array(z.string().min(1).max(100))
      .max(4)
      .default([])
      .describe('Ends before any of these'),
  }),
  events: {
    token: {
      schema: z.object({
        index: z.int().describe('Of the last token in this piece, from 0'),
        text: z.string().describe('The pieces, joined, are the text'),
      }),
      fold: 'append',
    },
  },
  output: z.object({
    text: z.string(),
    promptTokens: z.int(),
    tokens: z.int(),
    finishReason: z.enum(['stop', 'length', 'end']),
    seed: z.int().describe('The seed that was used'),
  }),
  checkpoint: draftSchema,

  async load(env) {
    return {
      session: await env.session('model.onnx'),
      config: configSchema.parse(await env.readJson('config.json')),
      tokenizer: await createTokenizer(await env.readJson('tokenizer.json')),
    };
  },

  async *run(input, ctx) {
    const { session, config, tokenizer } = ctx.loaded;
    const draft = ctx.saved ?? newDraft(input.seed ?? randomInt(2 ** 31));
    const { seed, tokens: written } = draft;
    // Words carry their leading space, so a space at the end would belong to no word.
    const { ids } = tokenizer.encode(input.prompt.trimEnd());
    const { prompt, maxTokens } = makeRoom(ids, input.maxTokens, config.context);
    const cut = ids.length - prompt.length;
    if (cut > 0 && written.length === 0)
      ctx.log('warn', `the prompt is too long: its first ${cut} tokens are not read`);

    const reader = new Reader(session, config);
    const decode = (tokens: number[]): string => tokenizer.decode(tokens);
    const stream = new TextStream(decode, input.stop, draft.heldBack);
    const random = restoreRandom(draft.random);
    const { endToken } = config;
    const writing = generate((tokens) => reader.next(tokens), stream, {
      prompt: [endToken, ...prompt],
      maxTokens,
      sampling: input,
      random,
      endToken,
      written,
    });
    let { text } = draft;
    let savedTokens = written.length;
    let step = await writing.next();
    while (step.done !== true) {
      text += step.value.text;
      yield ctx.event('token', step.value);
      if (!step.value.isLast && written.length - savedTokens >= CHECKPOINT_EVERY_TOKENS) {
        savedTokens = written.length;
        const heldBack = stream.save();
        await ctx.checkpoint({ seed, tokens: written, random: random.save(), heldBack, text });
      }
      step = await writing.next();
    }
    return { text, promptTokens: prompt.length, ...step.value, seed };
  },
});
