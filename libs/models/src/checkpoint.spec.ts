import { describe, expect, it } from '@jest/globals';
import { MAX_CHECKPOINT_BYTES, defineModel, runModel, z, type Model } from './index.js';

const parts = {
  name: 'test',
  description: 'Tests.',
  input: z.object({}),
  events: { step: { schema: z.int() } },
  output: z.unknown(),
};

/** What the model sends, in order: the data of events, and `saved` for a checkpoint. */
async function run(model: Model, saved?: string) {
  const sent: unknown[] = [];
  const checkpoints: string[] = [];
  const controller = new AbortController();
  const outcome = await runModel(
    { model, loaded: undefined },
    { job: 'job', attempt: 1, input: {}, saved },
    {
      signal: controller.signal,
      emit: ({ json }) => void sent.push(JSON.parse(json)),
      checkpoint: (data) => {
        sent.push('saved');
        checkpoints.push(data);
      },
      log: (_level, message) => {
        if (message === 'stop me') controller.abort();
      },
    },
  );
  return { sent, checkpoints, outcome, newest: checkpoints.at(-1) };
}

const saving = (checkpoint: z.ZodType, state: unknown, version = '1') =>
  defineModel({
    ...parts,
    version,
    checkpoint,
    async run(_, ctx) {
      await ctx.checkpoint(state);
      return ctx.saved ?? 'anew';
    },
  });

describe('ctx.checkpoint', () => {
  const generator = defineModel({
    ...parts,
    checkpoint: z.object({ step: z.int() }),
    async *run(_, ctx) {
      for (let step = (ctx.saved?.step ?? 0) + 1; step <= 3; step++) {
        yield ctx.event('step', step);
        await ctx.checkpoint({ step });
      }
      return 'done';
    },
  });
  const plain = defineModel({
    ...parts,
    checkpoint: z.object({ step: z.int() }),
    async run(_, ctx) {
      for (let step = (ctx.saved?.step ?? 0) + 1; step <= 3; step++) {
        await ctx.emit('step', step);
        await ctx.checkpoint({ step });
      }
      return 'done';
    },
  });

  it.each([
    ['a generator', generator],
    ['a function', plain],
  ])(
    'comes from %s behind the events before it, and brings it back there (R6)',
    async (_, model) => {
      const first = await run(model);
      const second = await run(model, first.checkpoints[1]);

      expect(first.sent).toEqual([1, 'saved', 2, 'saved', 3, 'saved']);
      expect(second.sent).toEqual([3, 'saved']);
    },
  );

  it('carries what structuredClone carries', async () => {
    const state = {
      latents: Float32Array.of(1.5, NaN, -0),
      big: 2n ** 70n,
      map: new Map([[{ key: 1 }, new Set(['a'])]]),
      at: new Date(0),
      bytes: new Uint8Array([1, 2, 3]).buffer,
      nothing: undefined,
    };
    let brought: unknown;
    const model = defineModel({
      ...parts,
      checkpoint: z.custom<typeof state>((value) => typeof value === 'object'),
      async run(_, ctx) {
        brought = ctx.saved;
        await ctx.checkpoint(state);
        return null;
      },
    });
    const { newest } = await run(model);

    await run(model, newest);

    // Compared as text: objects that V8 makes are not of the realm that jest runs tests in.
    const text = (value: unknown) => JSON.stringify(value, asText);
    expect(text(brought)).toBe(text(state));
  });

  it('takes a copy at once, and leaves a transform to the load', async () => {
    const checkpoint = z.object({ steps: z.string().transform(Number) });
    const state = { steps: '7' };
    const model = defineModel({
      ...parts,
      checkpoint,
      async run(_, ctx) {
        const saving = ctx.checkpoint(state);
        state.steps = 'changed';
        await saving;
        return ctx.saved?.steps ?? 'anew';
      },
    });
    const { newest } = await run(model);

    expect((await run(model, newest)).outcome).toEqual({ kind: 'done', output: '7' });
  });

  it.each([
    ['off its schema', z.object({ step: z.int() }), { step: 'x' }, /checkpoint does not fit.*step/],
    ['with a function', z.any(), { run: () => 1 }, /cannot be encoded.*no functions/],
    ['that is too large', z.any(), 'x'.repeat(MAX_CHECKPOINT_BYTES), /4194304 are allowed/],
  ])('fails the call, not the process, for a state %s', async (_, schema, state, message) => {
    const { outcome, checkpoints } = await run(saving(schema, state));

    expect(outcome).toMatchObject({ kind: 'failed', code: 'invalid_checkpoint' });
    expect(outcome).toMatchObject({ message: expect.stringMatching(message) });
    expect(checkpoints).toEqual([]);
  });

  it('takes a state of the largest size', async () => {
    const { newest } = await run(saving(z.any(), 'x'.repeat(MAX_CHECKPOINT_BYTES - 20)));

    expect(newest?.length).toBeGreaterThan(MAX_CHECKPOINT_BYTES);
  });

  it('says what to add to a model that declares none', async () => {
    const model = defineModel({
      ...parts,
      async run(_, ctx) {
        await ctx.checkpoint({ step: 1 } as never);
        return null;
      },
    });

    expect((await run(model)).outcome).toMatchObject({
      code: 'invalid_checkpoint',
      message: expect.stringContaining('add `checkpoint: z.object'),
    });
  });

  it('refuses what an other shape of the model saved, and says to raise the version', async () => {
    const { newest } = await run(saving(z.object({ step: z.int() }), { step: 1 }));

    const { outcome } = await run(saving(z.object({ token: z.int() }), { token: 1 }), newest);

    expect(outcome).toMatchObject({
      code: 'invalid_checkpoint',
      message: expect.stringMatching(/token.*Raise the version/),
    });
    expect((await run(saving(z.any(), 1), 'bm9uc2Vuc2U=')).outcome).toMatchObject({
      code: 'invalid_checkpoint',
      message: expect.stringContaining('cannot be read'),
    });
  });

  it('saves nothing once the job is to stop', async () => {
    const model = defineModel({
      ...parts,
      checkpoint: z.int(),
      async run(_, ctx) {
        ctx.log('info', 'stop me');
        await ctx.checkpoint(1);
        return null;
      },
    });

    const { outcome, checkpoints } = await run(model);

    expect(outcome).toEqual({ kind: 'aborted' });
    expect(checkpoints).toEqual([]);
  });

  it('is typed by the schema without casts', () => {
    const model = defineModel({
      ...parts,
      checkpoint: z.object({ at: z.string().transform(Number) }),
      async run(_, ctx) {
        const at: number | undefined = ctx.saved?.at;
        await ctx.checkpoint({ at: String(at ?? 0) });
        // @ts-expect-error -- a state that does not fit the schema
        await ctx.checkpoint({ at: 1 });
        return null;
      },
    });

    expect(model.checkpoint).toBeDefined();
    expect(defineModel({ ...parts, run: () => null }).checkpoint).toBeUndefined();
    expect(() => defineModel({ ...parts, checkpoint: {} as never, run: () => null })).toThrow(
      /checkpoint must be a schema/,
    );
  });
});

/** Every kind of value as text, also those that JSON has no word for. */
function asText(_key: string, value: unknown): unknown {
  const tag = Object.prototype.toString.call(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value === undefined) return 'undefined';
  if (tag === '[object Map]') return [...(value as Map<unknown, unknown>)];
  if (tag === '[object Set]') return [...(value as Set<unknown>)];
  if (tag === '[object ArrayBuffer]') return [...new Uint8Array(value as ArrayBuffer)];
  if (ArrayBuffer.isView(value))
    return `${tag} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  return value;
}
