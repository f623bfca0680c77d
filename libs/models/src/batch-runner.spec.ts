import { describe, expect, it } from '@jest/globals';
import { createRunner, defineModel, z, type ModelRunner, type RunOutcome } from './index.js';

/** Doubles numbers. Throws for 13 in a batch, gives an Error for 7 and an output off its schema for 9. */
function createDoubler({ maxSize = 3, maxWaitMs = 5 } = {}) {
  const batches: number[][] = [];
  const gate: { open: Promise<void> | undefined } = { open: undefined };
  const model = defineModel({
    name: 'doubler',
    description: 'Doubles.',
    input: z.object({ value: z.number(), group: z.string().default('') }),
    output: z.number(),
    batch: { maxSize, maxWaitMs, groupBy: ({ group }) => group },
    async runBatch(inputs) {
      batches.push(inputs.map(({ value }) => value));
      await gate.open;
      if (inputs.some(({ value }) => value === 13)) throw new Error('13 is in it');
      return inputs.map(({ value }) => {
        if (value === 7) return new Error('7 is not liked');
        return value === 9 ? ('text' as never) : value * 2;
      });
    },
  });
  return { model, batches, gate };
}

function start(runner: ModelRunner, input: unknown) {
  const controller = new AbortController();
  const port = { signal: controller.signal, log: () => undefined, emit: () => undefined };
  const outcome = runner.run({ job: 'j', attempt: 1, input }, port);
  return {
    outcome,
    stop: () => {
      controller.abort();
    },
  };
}

const done = (value: number): RunOutcome => ({ kind: 'done', output: String(value) });

function together(runner: ModelRunner, values: readonly number[]): Promise<RunOutcome[]> {
  return Promise.all(values.map((value) => start(runner, { value }).outcome));
}

describe('BatchRunner', () => {
  it('runs a full batch at once, and the rest when it has waited (B2)', async () => {
    const { model, batches } = createDoubler({ maxSize: 3, maxWaitMs: 20 });
    const waits: (readonly number[])[] = [];
    const runner = createRunner(
      { model, loaded: undefined },
      { onBatch: (_, waitsMs) => waits.push(waitsMs) },
    );

    const outcomes = await together(runner, [1, 2, 3, 4]);

    expect(outcomes).toEqual([2, 4, 6, 8].map(done));
    expect(batches).toEqual([[1, 2, 3], [4]]);
    expect(waits.map(({ length }) => length)).toEqual([3, 1]);
    expect(waits[1]?.[0]).toBeGreaterThanOrEqual(19);
  });

  it('puts the next batch together while one runs (B1)', async () => {
    const { model, batches, gate } = createDoubler({ maxWaitMs: 0 });
    const runner = createRunner({ model, loaded: undefined });
    let open = (): void => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });

    const first = start(runner, { value: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const others = together(runner, [2, 3]);
    open();

    expect(await first.outcome).toEqual(done(2));
    expect(await others).toEqual([4, 6].map(done));
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('lets nobody wait for ever behind batches that are full (B2)', async () => {
    const { model, batches } = createDoubler({ maxSize: 2, maxWaitMs: 20 });
    const runner = createRunner({ model, loaded: undefined });
    let isOver = false;
    const crowd = async (value: number): Promise<void> => {
      while (!isOver) await start(runner, { value }).outcome;
    };
    const others = [1, 2, 3, 4].map(crowd);

    expect(await start(runner, { value: 5, group: 'lonely' }).outcome).toEqual(done(10));
    isOver = true;
    await Promise.all(others);
    expect(batches).toContainEqual([5]);
  });

  it('keeps groups apart', async () => {
    const { model, batches } = createDoubler();
    const runner = createRunner({ model, loaded: undefined });

    await Promise.all(
      [1, 2, 3, 4].map(
        (value) => start(runner, { value, group: value % 2 === 0 ? 'even' : 'odd' }).outcome,
      ),
    );

    expect(batches).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it.each([
    ['an Error in place of its output', 7, 'model_error'],
    ['an output off its schema', 9, 'invalid_output'],
    ['what makes the whole batch throw', 13, 'model_error'],
  ])('fails one job alone: %s (B3)', async (_, bad, code) => {
    const { model } = createDoubler();
    const runner = createRunner({ model, loaded: undefined });

    const outcomes = await together(runner, [1, bad, 3]);

    expect(outcomes[0]).toEqual(done(2));
    expect(outcomes[1]).toMatchObject({ kind: 'failed', code });
    expect(outcomes[2]).toEqual(done(6));
  });

  it('refuses an input off its schema without a batch', async () => {
    const { model, batches } = createDoubler();

    const { outcome } = start(createRunner({ model, loaded: undefined }), { value: 'one' });

    expect(await outcome).toMatchObject({ kind: 'failed', code: 'invalid_input' });
    expect(batches).toEqual([]);
  });

  it('drops who leaves while it waits, and ends who leaves while it runs (B4)', async () => {
    const { model, batches, gate } = createDoubler({ maxWaitMs: 10 });
    const runner = createRunner({ model, loaded: undefined });
    let open = (): void => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });
    const [one, two, three] = [1, 2, 3].map((value) => start(runner, { value }));
    const waits = start(runner, { value: 4 });

    waits.stop();
    two?.stop();
    expect(await waits.outcome).toEqual({ kind: 'aborted' });
    open();

    expect(await Promise.all([one?.outcome, two?.outcome, three?.outcome])).toEqual([
      done(2),
      { kind: 'aborted' },
      done(6),
    ]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('runs one at a time when batching is off', async () => {
    const { model, batches } = createDoubler();
    const runner = createRunner({ model, loaded: undefined }, { maxBatchSize: 1 });

    expect(await together(runner, [1, 2])).toEqual([2, 4].map(done));
    expect(batches).toEqual([[1], [2]]);
  });

  it('says what is wrong when there is not one output per input', async () => {
    const model = defineModel({
      name: 'short',
      description: 'Returns too little.',
      input: z.number(),
      output: z.number(),
      batch: { maxSize: 2 },
      runBatch: () => [],
    });

    const { outcome } = start(createRunner({ model, loaded: undefined }), 1);

    expect(await outcome).toMatchObject({
      code: 'model_error',
      message: expect.stringContaining('0 outputs for 1 inputs') as unknown,
    });
  });
});
