import { describe, expect, it } from '@jest/globals';
import {
  defineModel,
  loadModel,
  runModel,
  z,
  type Model,
  type ModelEvent,
  type RunOutcome,
  type RunPort,
} from './index.js';

const parts = {
  name: 'test',
  description: 'Tests.',
  input: z.object({ steps: z.int().default(3) }),
  events: { step: { schema: z.object({ step: z.int(), of: z.int() }) }, any: { schema: z.any() } },
  output: z.object({ sum: z.number() }),
};

interface Run {
  readonly outcome: RunOutcome;
  readonly events: ModelEvent[];
  readonly logs: string[];
}

async function run(
  model: Model,
  input: unknown = {},
  onEvent: (event: ModelEvent, controller: AbortController) => void = () => undefined,
): Promise<Run> {
  const controller = new AbortController();
  const events: ModelEvent[] = [];
  const logs: string[] = [];
  const port: RunPort = {
    signal: controller.signal,
    emit: (event) => {
      events.push(event);
      onEvent(event, controller);
    },
    log: (level, message) => logs.push(`${level} ${message}`),
  };
  const options = { providers: ['cpu'], threads: 1, log: () => undefined };
  const loaded = await loadModel({ model, directory: '/nowhere' }, options);
  const outcome = await runModel(loaded, { job: 'j', attempt: 1, input }, port);
  return { outcome, events, logs };
}

const jsonOf = (events: readonly ModelEvent[]) => events.map(({ type, json }) => [type, json]);

describe('runModel', () => {
  const expected = [
    ['step', '{"step":1,"of":2}'],
    ['step', '{"step":2,"of":2}'],
  ];
  const ways: [string, Model][] = [
    [
      'an async generator',
      defineModel({
        ...parts,
        async *run({ steps }, ctx) {
          for (let step = 1; step <= steps; step++) {
            await Promise.resolve();
            yield ctx.event('step', { step, of: steps });
          }
          return { sum: steps };
        },
      }),
    ],
    [
      'a sync generator',
      defineModel({
        ...parts,
        *run({ steps }, ctx) {
          for (let step = 1; step <= steps; step++) yield ctx.event('step', { step, of: steps });
          return { sum: steps };
        },
      }),
    ],
    [
      'an async function',
      defineModel({
        ...parts,
        async run({ steps }, ctx) {
          for (let step = 1; step <= steps; step++) await ctx.emit('step', { step, of: steps });
          return { sum: steps };
        },
      }),
    ],
  ];

  it.each(ways)('takes %s', async (_, model) => {
    const { outcome, events } = await run(model, { steps: 2 });

    expect(outcome).toEqual({ kind: 'done', output: '{"sum":2}' });
    expect(jsonOf(events)).toEqual(expected);
    expect(events[1]?.progress).toEqual({ step: 2, of: 2 });
  });

  it('takes a plain function', async () => {
    const { outcome } = await run(defineModel({ ...parts, run: ({ steps }) => ({ sum: steps }) }));

    expect(outcome).toEqual({ kind: 'done', output: '{"sum":3}' });
  });

  it.each(ways)('stops %s at the next event after an abort', async (_, model) => {
    const { outcome, events } = await run(model, { steps: 50 }, (event, controller) => {
      if (event.progress?.step === 3) controller.abort();
    });

    expect(outcome).toEqual({ kind: 'aborted' });
    expect(events).toHaveLength(3);
  });

  it('runs finally after an abort, also one that yields (R3)', async () => {
    const seen: string[] = [];
    const model = defineModel({
      ...parts,
      async *run(_, ctx) {
        try {
          for (;;) {
            await Promise.resolve();
            yield ctx.event('any', 1);
          }
        } finally {
          seen.push('closing');
          yield ctx.event('any', 'swallowed');
          seen.push('closed');
        }
      },
    });

    const { outcome, events } = await run(model, {}, (_, controller) => {
      controller.abort();
    });

    expect(outcome.kind).toBe('aborted');
    expect(events).toHaveLength(1);
    expect(seen).toEqual(['closing', 'closed']);
  });

  it('gives the event loop a turn between steps, so that a cancel arrives (R2)', async () => {
    const model = defineModel({
      ...parts,
      *run(_, ctx) {
        for (;;) yield ctx.event('any', 1);
      },
    });

    const { outcome } = await run(model, {}, (_, controller) => {
      setTimeout(() => {
        controller.abort();
      }, 5);
    });

    expect(outcome.kind).toBe('aborted');
  });

  const cycle: Record<string, unknown> = { a: {} };
  cycle['a'] = { back: cycle };

  it.each([
    ['undefined', undefined, /"any" is undefined.*null/],
    ['a function', () => 1, /"any" is function/],
    ['a BigInt', { deep: [1n] }, /BigInt at deep\.0.*Number\(\)/],
    ['a cycle', cycle, /refers to itself at a\.back/],
    ['300 KiB', 'x'.repeat(300 * 1024), /307202 bytes.*smaller/],
  ])('fails the emit of %s with the fix', async (_, data, message) => {
    const model = defineModel({
      ...parts,
      *run(_input, ctx) {
        yield ctx.event('any', data);
        return { sum: 0 };
      },
    });

    const { outcome } = await run(model);

    expect(outcome).toMatchObject({
      code: 'invalid_event',
      message: expect.stringMatching(message),
    });
  });

  it('lets the model catch a bad emit and go on', async () => {
    const model = defineModel({
      ...parts,
      async *run(_, ctx) {
        await ctx.emit('any', 'x'.repeat(300 * 1024)).catch(() => undefined);
        yield ctx.event('any', 'small');
        return { sum: 1 };
      },
    });

    const { outcome, events } = await run(model);

    expect(outcome.kind).toBe('done');
    expect(jsonOf(events)).toEqual([['any', '"small"']]);
  });

  it('refuses undeclared events, data off the schema and yields that are no events', async () => {
    const bad = async (value: (ctx: { event(type: string, data: unknown): unknown }) => unknown) =>
      run(
        defineModel({
          ...parts,
          *run(_, ctx) {
            yield value(ctx) as ModelEvent;
            return { sum: 0 };
          },
        }),
      );

    expect((await bad((ctx) => ctx.event('nope', 1))).outcome).toMatchObject({
      code: 'invalid_event',
      message: expect.stringContaining('declared: step, any'),
    });
    expect((await bad((ctx) => ctx.event('step', { step: 'x', of: 1 }))).outcome).toMatchObject({
      message: expect.stringContaining('"step" does not fit its schema: step:'),
    });
    expect((await bad(() => ({ step: 1 }))).outcome).toMatchObject({
      message: expect.stringContaining('yield ctx.event'),
    });
  });

  it('checks the output and the input', async () => {
    const model = defineModel({ ...parts, run: () => ({ total: 1 }) as never });

    expect((await run(model)).outcome).toMatchObject({ code: 'invalid_output' });
    expect((await run(model, { steps: 'x' })).outcome).toMatchObject({ code: 'invalid_input' });
  });

  it("shows the first line of the model's own error, without stack and folders", async () => {
    const model = defineModel({
      ...parts,
      run: () => {
        throw new Error("cannot open '/srv/app/models/x/unet.onnx'\n  at secret");
      },
    });

    const { outcome } = await run(model);

    expect(outcome).toMatchObject({ code: 'model_error', message: "cannot open '…/unet.onnx'" });
    expect(outcome).toHaveProperty('stack', expect.stringContaining('at secret'));
  });

  it('passes on log lines, and nothing after the result (R5)', async () => {
    let late: () => Promise<void> = () => Promise.resolve();
    const model = defineModel({
      ...parts,
      run: (_, ctx) => {
        ctx.log('warn', 'odd');
        late = () => ctx.emit('any', 1);
        return { sum: 0 };
      },
    });

    const { logs, events } = await run(model);

    expect(logs).toEqual(['warn odd']);
    await expect(late()).rejects.toThrow(/await every emit/);
    expect(events).toEqual([]);
  });
});
