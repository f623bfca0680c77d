import { randomInt } from 'node:crypto';

import { createRandom, defineModel, restoreRandom, z } from '@stepcast/models';

import { makeRoom, Writing } from './generate.js';
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
    const config = configSchema.parse(await env.readJson('config.json'));
    return {
      config,
      reader: new Reader(await env.session('model.onnx'), config),
      tokenizer: await createTokenizer(await env.readJson('tokenizer.json')),
    };
  },

  // 16 are about four times as quick per token as one, on two cores; each takes up to 4 MiB for its cache.
  batch: { maxSize: 16 },

  async init(input, ctx) {
    const { reader, config, tokenizer } = ctx.loaded;
    const draft = ctx.saved ?? newDraft(input.seed ?? randomInt(2 ** 31));
    // Words carry their leading space, so a space at the end would belong to no word.
    const { ids } = tokenizer.encode(input.prompt.trimEnd());
    const { prompt, maxTokens } = makeRoom(ids, input.maxTokens, config.context);
    const cut = ids.length - prompt.length;
    if (cut > 0 && draft.tokens.length === 0)
      ctx.log('warn', `the prompt is too long: its first ${cut} tokens are not read`);

    const { endToken } = config;
    const decode = (tokens: number[]): string => tokenizer.decode(tokens);
    const stream = new TextStream(decode, input.stop, draft.heldBack);
    const random = restoreRandom(draft.random);
    const wish = { maxTokens, sampling: input, random, endToken, written: draft.tokens };
    const writing = new Writing(stream, { prompt: [endToken, ...prompt], ...wish });
    const read = reader.begin();
    // The prompt is read here, and by itself, so that the first step has the first token.
    const logits = (await reader.readAlone(read, writing.unread)).at(-1);
    const savedTokens = draft.tokens.length;
    return {
      draft,
      promptTokens: prompt.length,
      writing,
      stream,
      random,
      read,
      logits,
      savedTokens,
    };
  },

  async step(states, ctx) {
    const { reader } = ctx.loaded;
    const reading = states.filter(({ logits }) => logits === undefined);
    const logits = await reader.readTogether(
      reading.map(({ read }) => read),
      reading.flatMap(({ writing }) => writing.unread),
    );
    reading.forEach((state, row) => {
      state.logits = logits[row];
    });
    return states.map((state) => {
      const { draft, writing, stream, random } = state;
      const pieces = writing.take(state.logits ?? new Float32Array());
      state.logits = undefined;
      for (const { text } of pieces) draft.text += text;
      const events = pieces.map((piece) => ctx.event('token', piece));
      const done = writing.ending !== undefined;
      const unsaved = writing.written.length - state.savedTokens;
      if (done || pieces.length === 0 || unsaved < CHECKPOINT_EVERY_TOKENS) return { events, done };
      state.savedTokens = writing.written.length;
      const saved = { ...draft, random: random.save(), heldBack: stream.save() };
      return { events, checkpoint: saved };
    });
  },

  finish({ draft, promptTokens, writing }) {
    const { text, seed } = draft;
    const ending = writing.ending ?? { tokens: 0, finishReason: 'end' as const };
    return { text, promptTokens, ...ending, seed };
  },

  release({ read }, ctx) {
    ctx.loaded.reader.forget(read);
  },
});
