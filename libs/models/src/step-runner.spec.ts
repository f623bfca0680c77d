import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  createRunner,
  defineModel,
  z,
  type ModelRunner,
  type RunOutcome,
  type RunPort,
} from './index.js';

const inputSchema = z.object({
  steps: z.int().min(1).default(3),
  failAt: z.int().optional(),
  badEventAt: z.int().optional(),
});

interface Counter {
  readonly steps: number;
  readonly failAt?: number | undefined;
  readonly badEventAt?: number | undefined;
  readonly job: string;
  step: number;
}

/** Counts, in batches, and remembers who was in which step and who was released. */
function createCounter({ maxSize = 4, throwsAt = 0 } = {}) {
  const batches: string[][] = [];
  const released: string[] = [];
  const model = defineModel({
    name: 'counter',
    description: 'Counts.',
    input: inputSchema,
    events: { step: { schema: z.object({ step: z.int(), of: z.int() }), fold: 'latest' } },
    output: z.object({ counted: z.int() }),
    checkpoint: z.object({ step: z.int() }),
    batch: { maxSize },
    init: (input, ctx): Counter => {
      if (input.steps === 13) throw new Error('unlucky');
      return { ...input, job: ctx.job, step: ctx.saved?.step ?? 0 };
    },
    step(states, ctx) {
      batches.push(states.map(({ job }) => job));
      if (batches.length === throwsAt) throw new Error('the device is lost');
      return states.map((state) => {
        state.step += 1;
        if (state.step === state.failAt) return new Error(`failed at ${String(state.step)}`);
        const { step, steps } = state;
        const event =
          step === state.badEventAt
            ? ('no event' as never)
            : ctx.event('step', { step, of: steps });
        return { events: [event], done: step === steps, checkpoint: { step } };
      });
    },
    finish: ({ step }) => ({ counted: step }),
    release: ({ job }) => void released.push(job),
  });
  return { model, batches, released };
}

/** A job of a runner: what came of it, and the means to stop it or to hold its window shut. */
function start(runner: ModelRunner, job: string, input: unknown, saved?: string) {
  const controller = new AbortController();
  const events: string[] = [];
  const checkpoints: string[] = [];
  let room: Promise<void> | undefined;
  const port: RunPort = {
    signal: controller.signal,
    log: () => undefined,
    emit: ({ json }) => {
      events.push(json);
      return room;
    },
    checkpoint: (data) => void checkpoints.push(data),
  };
  const outcome = runner.run({ job, attempt: 1, input, saved }, port);
  return {
    events,
    checkpoints,
    outcome,
    stop: () => {
      controller.abort();
    },
    /** Its window is full until the returned function is called. */
    shut: () => {
      let open = (): void => undefined;
      room = new Promise((resolve) => {
        open = resolve;
      });
      return () => {
        room = undefined;
        open();
      };
    },
  };
}

const done = (counted: number): RunOutcome => ({
  kind: 'done',
  output: JSON.stringify({ counted }),
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Gives the loop so many turns. */
async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

describe('StepRunner', () => {
  it('runs jobs together, each with its own events, output and end', async () => {
    const { model, batches, released } = createCounter();
    const runner = createRunner({ model, loaded: undefined });

    const jobs = [2, 3, 1].map((steps, index) => start(runner, `j${String(index)}`, { steps }));

    expect(await Promise.all(jobs.map(({ outcome }) => outcome))).toEqual([
      done(2),
      done(3),
      done(1),
    ]);
    expect(batches).toEqual([['j0', 'j1', 'j2'], ['j0', 'j1'], ['j1']]);
    expect(jobs[0]?.events).toEqual(['{"step":1,"of":2}', '{"step":2,"of":2}']);
    expect(released).toEqual(['j2', 'j0', 'j1']);
  });

  it('lets a job join at the next step (S1)', async () => {
    const { model, batches } = createCounter();
    const runner = createRunner({ model, loaded: undefined });
    const first = start(runner, 'first', { steps: 20 });
    await turns(5);
    const before = batches.length;

    const late = start(runner, 'late', { steps: 1 });
    await late.outcome;
    await first.outcome;

    const joined = batches.findIndex((jobs) => jobs.includes('late'));
    expect(before).toBeGreaterThan(0);
    expect(joined - before).toBeLessThan(2);
    expect(batches[joined]).toEqual(['first', 'late']);
  });

  it('keeps to the bound, and lets the next in when one leaves', async () => {
    const { model, batches } = createCounter({ maxSize: 4 });
    const runner = createRunner({ model, loaded: undefined }, { maxBatchSize: 2 });

    const jobs = ['a', 'b', 'c'].map((job) => start(runner, job, { steps: 2 }));
    await Promise.all(jobs.map(({ outcome }) => outcome));

    expect(batches).toEqual([['a', 'b'], ['a', 'b'], ['c'], ['c']]);
  });

  it.each([
    ['an Error in its result', { failAt: 2 }, 'model_error', 'failed at 2'],
    ['something that is no event', { badEventAt: 2 }, 'invalid_event', /not an event/],
    ['init that throws', { steps: 13 }, 'model_error', 'unlucky'],
    ['an input off its schema', { steps: 'many' }, 'invalid_input', /steps/],
  ])('fails one job alone: %s (S2)', async (_, input, code, message) => {
    const { model, released } = createCounter();
    const runner = createRunner({ model, loaded: undefined });

    const good = start(runner, 'good', { steps: 4 });
    const bad = start(runner, 'bad', input);

    expect(await bad.outcome).toMatchObject({
      kind: 'failed',
      code,
      message: expect.stringMatching(message) as unknown,
    });
    expect(await good.outcome).toEqual(done(4));
    expect(new Set(released).size).toBe(released.length);
  });

  it('fails all that were in a step that throws, and goes on with others (S2)', async () => {
    const { model } = createCounter({ throwsAt: 2 });
    const runner = createRunner({ model, loaded: undefined });
    const jobs = ['a', 'b'].map((job) => start(runner, job, { steps: 3 }));

    // What one input has caused must not be told to the others.
    const message = expect.stringContaining('together with others failed') as unknown;
    const failed = { kind: 'failed', code: 'model_error', message };
    expect(await Promise.all(jobs.map(({ outcome }) => outcome))).toMatchObject([failed, failed]);
    expect(await start(runner, 'c', { steps: 2 }).outcome).toEqual(done(2));
  });

  it('tells a job that was alone in its step what it threw', async () => {
    const { model } = createCounter({ throwsAt: 2 });

    const { outcome } = start(createRunner({ model, loaded: undefined }), 'a', { steps: 3 });

    expect(await outcome).toMatchObject({ message: 'the device is lost' });
  });

  it('fails one job alone by an event off its schema (S2)', async () => {
    const model = defineModel({
      name: 'doubling',
      description: 'Doubles until it is beyond what a number can be.',
      input: z.object({ value: z.number() }),
      events: { step: { schema: z.object({ value: z.number() }) } },
      output: z.object({ value: z.number() }),
      batch: { maxSize: 2 },
      init: ({ value }) => ({ value, steps: 0 }),
      step: (states, ctx) =>
        states.map((state) => {
          state.value *= 2;
          state.steps += 1;
          const events = [ctx.event('step', { value: state.value })];
          return { events, done: state.steps === 3 };
        }),
      finish: ({ value }) => ({ value }),
    });
    const runner = createRunner({ model, loaded: undefined });

    const [bad, good] = [1e308, 1].map((value) => start(runner, String(value), { value }));

    expect(await bad?.outcome).toMatchObject({ kind: 'failed', code: 'invalid_event' });
    expect(await good?.outcome).toEqual({ kind: 'done', output: '{"value":8}' });
  });

  it('goes on while jobs that cannot begin keep coming (S1)', async () => {
    const { model, batches } = createCounter();
    const runner = createRunner({ model, loaded: undefined });
    const good = start(runner, 'good', { steps: 20 });
    let isOver = false;
    const flood = async (): Promise<void> => {
      while (!isOver) await start(runner, 'bad', { steps: 13 }).outcome;
    };
    const floods = [flood(), flood(), flood()];

    expect(await good.outcome).toEqual(done(20));
    isOver = true;
    await Promise.all(floods);
    expect(batches).toHaveLength(20);
  });

  it('begins none of those that were to stop while another began', async () => {
    const begun: string[] = [];
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const model = defineModel({
      name: 'slow-to-begin',
      description: 'Waits for a gate.',
      input: z.object({}),
      output: z.null(),
      batch: { maxSize: 4 },
      async init(_, { job }) {
        begun.push(job);
        await gate;
        return {};
      },
      step: (states) => states.map(() => ({ done: true })),
      finish: () => null,
    });
    const runner = createRunner({ model, loaded: undefined });
    const first = start(runner, 'first', {});
    const second = start(runner, 'second', {});
    await turns(3);

    second.stop();
    open();

    expect(await second.outcome).toEqual({ kind: 'aborted' });
    expect((await first.outcome).kind).toBe('done');
    expect(begun).toEqual(['first']);
  });

  it('holds nobody up by a slow finish, and survives a release that fails later (S2, S4)', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const model = defineModel({
      name: 'slow-to-finish',
      description: 'Waits for a gate before its output.',
      input: z.object({ steps: z.int() }),
      output: z.null(),
      batch: { maxSize: 4 },
      init: ({ steps }) => ({ left: steps }),
      step: (states) =>
        states.map((state) => {
          state.left -= 1;
          return { done: state.left === 0 };
        }),
      async finish({ left }) {
        if (left === 0) await gate;
        return null;
      },
      async release() {
        await gate;
        throw new Error('released badly');
      },
    });
    const runner = createRunner({ model, loaded: undefined });
    const slow = start(runner, 'slow', { steps: 1 });
    const stopped = start(runner, 'stopped', { steps: 1_000_000 });
    await turns(50);

    stopped.stop();
    await turns(3);
    open();

    expect(await stopped.outcome).toEqual({ kind: 'aborted' });
    expect(await slow.outcome).toMatchObject({ kind: 'failed', message: 'released badly' });
  });

  it('says what is wrong when a step gives not one result per state', async () => {
    const model = defineModel({
      name: 'short',
      description: 'Returns too little.',
      input: z.object({}),
      output: z.null(),
      batch: { maxSize: 2 },
      init: () => ({}),
      step: () => [],
      finish: () => null,
    });

    const { outcome } = start(createRunner({ model, loaded: undefined }), 'a', {});

    expect(await outcome).toMatchObject({
      code: 'model_error',
      message: expect.stringContaining('0 results for 1 states') as unknown,
    });
  });

  it('lets a job leave at the next step when it is to stop (S2, S4)', async () => {
    const { model, batches, released } = createCounter();
    const runner = createRunner({ model, loaded: undefined });
    const stayer = start(runner, 'stayer', { steps: 30 });
    const leaver = start(runner, 'leaver', { steps: 30 });
    await turns(5);
    const before = batches.length;

    leaver.stop();

    expect(await leaver.outcome).toEqual({ kind: 'aborted' });
    expect(batches.length - before).toBeLessThan(2);
    expect(released).toEqual(['leaver']);
    expect(await stayer.outcome).toEqual(done(30));
    expect(stayer.events).toHaveLength(30);
  });

  it('leaves out a job whose events are not taken, until they are (S1)', async () => {
    const { model, batches } = createCounter();
    const runner = createRunner({ model, loaded: undefined });
    const slow = start(runner, 'slow', { steps: 3 });
    const open = slow.shut();
    const quick = start(runner, 'quick', { steps: 10 });

    expect(await quick.outcome).toEqual(done(10));
    expect(slow.events).toHaveLength(1);
    expect(batches.filter((jobs) => jobs.includes('slow'))).toHaveLength(1);
    open();

    expect(await slow.outcome).toEqual(done(3));
  });

  it('stops a job that waits for its window (S5)', async () => {
    const { model } = createCounter();
    const job = start(createRunner({ model, loaded: undefined }), 'a', { steps: 3 });
    job.shut();
    await turns(3);

    job.stop();

    expect(await job.outcome).toEqual({ kind: 'aborted' });
  });

  it('begins behind what was saved', async () => {
    const { model } = createCounter();
    const runner = createRunner({ model, loaded: undefined });
    const first = start(runner, 'a', { steps: 3 });
    await first.outcome;

    const second = start(runner, 'a', { steps: 3 }, first.checkpoints[1]);

    expect(await second.outcome).toEqual(done(3));
    expect(second.events).toEqual(['{"step":3,"of":3}']);
  });

  it('tells how many jobs were in each step', async () => {
    const { model } = createCounter();
    const sizes: number[] = [];
    const runner = createRunner(
      { model, loaded: undefined },
      { onBatch: (size) => sizes.push(size) },
    );

    await Promise.all([1, 2].map((steps) => start(runner, String(steps), { steps }).outcome));

    expect(sizes).toEqual([2, 1]);
  });

  /** Jobs come at some turn, and some are stopped at a later one. */
  const plan = fc.array(
    fc.record({
      steps: fc.integer({ min: 1, max: 8 }),
      comes: fc.integer({ min: 0, max: 10 }),
      stops: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      fails: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 12 },
  );

  it('gives each job exactly what it gets alone, whoever comes and goes', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (jobs) => {
        const { model, released, batches } = createCounter({ maxSize: 3 });
        const runner = createRunner({ model, loaded: undefined });
        const started = jobs.map(async ({ steps, comes, stops, fails }, index) => {
          await turns(comes);
          const job = start(runner, String(index), { steps, failAt: fails });
          if (stops !== undefined) void turns(stops).then(job.stop);
          return { ...job, steps, stops, fails, result: await job.outcome };
        });
        for (const { events, steps, stops, fails = Infinity, result } of await Promise.all(
          started,
        )) {
          const expected = steps < fails ? 'done' : 'failed';
          expect([expected, ...(stops === undefined ? [] : ['aborted'])]).toContain(result.kind);
          expect(events).toEqual(
            events.map((_, step) => JSON.stringify({ step: step + 1, of: steps })),
          );
          expect(events.length).toBeLessThanOrEqual(Math.min(steps, fails - 1));
          expect(events.length === steps || result.kind !== 'done').toBe(true);
        }
        expect(new Set(released).size).toBe(released.length);
        expect(Math.max(...batches.map(({ length }) => length), 0)).toBeLessThanOrEqual(3);
      }),
      { numRuns: 60 },
    );
  });
});
