import { describe, expect, it } from '@jest/globals';
import { defineModel, isModel, z, type Model, type ModelEvent } from './index.js';

const base = {
  name: 'sketch',
  description: 'Draws.',
  input: z.object({ steps: z.int().default(3), seed: z.int().optional() }),
  output: z.object({ image: z.string() }),
};

/** `true` if both types are the same, else `false`: assigning `true` to it is the check. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

const run = () => ({ image: '' });

describe('defineModel', () => {
  it('infers the input, the loaded value and the data of events without casts', () => {
    const model = defineModel({
      ...base,
      events: {
        step: { schema: z.object({ step: z.int(), note: z.string().default('') }), fold: 'latest' },
        token: { schema: z.string() },
      },
      async load(env) {
        await Promise.resolve();
        return { weights: [1, 2], folder: env.directory };
      },
      async *run(input, ctx) {
        const inputFits: Same<typeof input, { steps: number; seed?: number | undefined }> = true;
        const loadedFits: Same<typeof ctx.loaded, { weights: number[]; folder: string }> = true;
        ctx.log('debug', `${String(inputFits)} ${String(loadedFits)}`);
        await ctx.emit('token', 'a');
        yield ctx.event('step', { step: 1 });
        // @ts-expect-error -- an event type that is not declared
        yield ctx.event('preview', { step: 1 });
        // @ts-expect-error -- data that does not fit the schema
        yield ctx.event('step', { step: 'one' });
        return { image: ctx.loaded.folder };
      },
    });

    const schemaFits: Same<(typeof model)['input'], (typeof base)['input']> = true;
    expect(schemaFits).toBe(true);
    expect(isModel(model)).toBe(true);
    expect(model.version).toBe('1');
    expect(model.events.step.fold).toBe('latest');
    expect(model.events.token.fold).toBe('all');
  });

  it('infers the state of steps, and what belongs to it, without casts', () => {
    const model = defineModel({
      ...base,
      events: { step: { schema: z.object({ step: z.int() }) } },
      checkpoint: z.object({ at: z.int() }),
      batch: { maxSize: 4, groupBy: ({ steps }) => steps },
      load: () => ({ weights: [1] }),
      init(input, ctx) {
        const savedFits: Same<typeof ctx.saved, { at: number } | undefined> = true;
        ctx.log('debug', String(savedFits));
        return { left: input.steps, image: ctx.job };
      },
      step(states, ctx) {
        const statesFit: Same<typeof states, { left: number; image: string }[]> = true;
        const loadedFits: Same<typeof ctx.loaded, { weights: number[] }> = true;
        return states.map(({ left }) => ({
          events: [ctx.event('step', { step: left })],
          done: [statesFit, loadedFits].includes(true),
          checkpoint: { at: left },
        }));
      },
      finish: ({ image }) => ({ image }),
      release(state) {
        state.left = 0;
      },
    });

    expect(model.execution.kind).toBe('steps');
    expect(model.execution).toMatchObject({ batch: { maxSize: 4, maxWaitMs: 5 } });
  });

  it('infers the inputs and outputs of batches without casts', () => {
    const model = defineModel({
      ...base,
      batch: { maxSize: 4, maxWaitMs: 10 },
      load: () => ({ name: 'net' }),
      runBatch: (inputs, { loaded }) =>
        inputs.map(({ steps }) => (steps > 3 ? new Error('too many') : { image: loaded.name })),
    });

    expect(model.execution).toMatchObject({ kind: 'batch', batch: { maxWaitMs: 10 } });
  });

  it('takes sync generators, async functions and plain functions, and checks their output', () => {
    const models: Model[] = [
      defineModel({
        ...base,
        events: { step: { schema: z.number() } },
        *run(input, ctx): Generator<ModelEvent, { image: string }, undefined> {
          yield ctx.event('step', input.steps);
          return { image: '' };
        },
      }),
      defineModel({
        ...base,
        async run(input) {
          return Promise.resolve({ image: String(input.steps) });
        },
      }),
      defineModel({ ...base, run: (input) => ({ image: String(input.seed) }) }),
      // @ts-expect-error -- the output does not fit
      defineModel({ ...base, run: () => ({ picture: '' }) }),
    ];

    expect(models.every(isModel)).toBe(true);
  });

  it.each([
    ['a bad name', { ...base, run, name: 'My Model' }, /lower-case/],
    ['no description', { ...base, run, description: '' }, /add a description/],
    ['no input', { ...base, run, input: undefined }, /input must be a schema/],
    ['no output', { ...base, run, output: {} }, /output must be a schema/],
    ['no run', base, /add run\(input, ctx\)/],
    ['a bad version', { ...base, run, version: 'v 2' }, /version "v 2" must be/],
    ['two ways to run', { ...base, run, runBatch: run }, /choose one/],
    ['a run with batch', { ...base, run, batch: { maxSize: 2 } }, /batch needs runBatch/],
    ['batches without a bound', { ...base, runBatch: run }, /add batch: \{ maxSize: 8 \}/],
    ['a bound of 0', { ...base, runBatch: run, batch: { maxSize: 0 } }, /maxSize must be a whole/],
    [
      'a wait below 0',
      { ...base, runBatch: run, batch: { maxSize: 2, maxWaitMs: -1 } },
      /maxWaitMs must be from 0/,
    ],
    [
      'batches that emit',
      { ...base, runBatch: run, batch: { maxSize: 2 }, events: { step: { schema: z.string() } } },
      /runBatch emits no events/,
    ],
    [
      'batches that save',
      { ...base, runBatch: run, batch: { maxSize: 2 }, checkpoint: z.string() },
      /runBatch saves no checkpoints/,
    ],
    [
      'steps without an end',
      { ...base, init: run, step: run, batch: { maxSize: 2 } },
      /add finish\(…\)/,
    ],
    [
      'a reserved event',
      { ...base, run, events: { log: { schema: z.string() } } },
      /reserved.*"log-info"/,
    ],
    ['a malformed event', { ...base, run, events: { Step: { schema: z.string() } } }, /lower-case/],
    ['an event without schema', { ...base, run, events: { step: {} } }, /write \{ schema/],
    ['an event that is null', { ...base, run, events: { step: null } }, /no schema/],
    [
      'an unknown fold',
      { ...base, run, events: { step: { schema: z.string(), fold: 'sum' } } },
      /all, append, latest/,
    ],
    [
      'an example off the input',
      { ...base, run, examples: [{ steps: 'x' }] },
      /examples\[0\].*steps/,
    ],
  ])('refuses %s and says what to write', (_, spec, message) => {
    expect(() => defineModel(spec as never)).toThrow(message);
  });
});
