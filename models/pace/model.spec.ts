import { describe, expect, it } from '@jest/globals';
import { runModel } from '@stepcast/models';
import pace from './model.js';

/** Runs pace as the host does. */
async function run(
  input: Record<string, unknown>,
  {
    attempt = 1,
    abortAtEvent = Infinity,
    signal = new AbortController().signal,
    saved = undefined as string | undefined,
  } = {},
) {
  const controller = new AbortController();
  const events: unknown[] = [];
  const checkpoints: string[] = [];
  const outcome = await runModel(
    { model: pace, loaded: undefined },
    { job: 'job', attempt, input, saved },
    {
      signal: AbortSignal.any([controller.signal, signal]),
      emit: (event) => {
        events.push(JSON.parse(event.json));
        if (events.length === abortAtEvent) controller.abort();
      },
      checkpoint: (data) => void checkpoints.push(data),
      log: () => undefined,
    },
  );
  return { events, checkpoints, outcome };
}

describe('pace', () => {
  it('counts its steps and returns how many there were', async () => {
    const { events, outcome } = await run({ steps: 3, everyMs: 0 });

    expect(events).toEqual([1, 2, 3].map((step) => ({ step, of: 3 })));
    expect(outcome).toEqual({ kind: 'done', output: '{"steps":3}' });
  });

  it('waits before each step', async () => {
    const started = performance.now();

    await run({ steps: 3, everyMs: 20 });

    expect(performance.now() - started).toBeGreaterThanOrEqual(57);
  });

  it('pads its events to the length asked for', async () => {
    const { events } = await run({ steps: 1, everyMs: 0, bytes: 5 });

    expect(events).toEqual([{ step: 1, of: 1, pad: 'xxxxx' }]);
  });

  it('fails at a step, and only while the attempt is one that shall fail', async () => {
    const input = { steps: 5, everyMs: 0, fail: 3, failAttempts: 1 };

    const first = await run(input, { attempt: 1 });
    const second = await run(input, { attempt: 2 });

    expect(first.events).toHaveLength(2);
    expect(first.outcome).toMatchObject({ kind: 'failed', code: 'model_error' });
    expect(second.outcome).toMatchObject({ kind: 'done' });
  });

  it('goes on behind its newest checkpoint', async () => {
    const input = { steps: 7, everyMs: 0, checkpointEvery: 3, fail: 5, failAttempts: 1 };

    const first = await run(input);
    const second = await run(input, { attempt: 2, saved: first.checkpoints.at(-1) });

    expect(first.events).toHaveLength(4);
    expect(first.checkpoints).toHaveLength(1);
    expect(second.events).toEqual([4, 5, 6, 7].map((step) => ({ step, of: 7 })));
    expect(second.outcome).toEqual({ kind: 'done', output: '{"steps":7}' });
  });

  it('ends at once when it is aborted while it waits', async () => {
    const started = performance.now();

    const { outcome } = await run(
      { steps: 2, everyMs: 60_000 },
      { signal: AbortSignal.timeout(10) },
    );

    expect(outcome).toEqual({ kind: 'aborted' });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('goes on after an abort when it ignores that', async () => {
    const started = performance.now();

    const { events, outcome } = await run(
      { steps: 4, everyMs: 30, ignoreAbort: true },
      { abortAtEvent: 1 },
    );

    expect(events).toHaveLength(1);
    expect(outcome).toEqual({ kind: 'aborted' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
  });

  it('blocks its thread at each step', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);

    await run({ steps: 1, everyMs: 0, blockMs: 40 });
    clearInterval(timer);

    expect(turns).toBeLessThan(5);
  });
});
