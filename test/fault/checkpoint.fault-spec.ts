import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobState } from '@stepcast/hub';
import type { JobEvent } from '@stepcast/protocol';

import '../support/cleanup.js';
import { submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import {
  createModels,
  foldOfModel,
  logOf,
  metaOf,
  readJournal,
  untilSaved,
  workerOf,
} from '../support/resuming.js';
import { watchEverywhere } from '../support/viewers.js';
import { waitFor } from '../support/wait.js';
import { stopAllWatchers, type Watcher } from '../support/watcher.js';

/** Noticed in some 4 s; long enough that a worker on a busy machine does not lose a job. */
const ENV = {
  JOB_LOCK_MS: '4000',
  JOB_LOCK_RENEW_MS: '1000',
  STALLED_INTERVAL_MS: '500',
  MAX_STALLED_COUNT: '9',
  DRAIN_TIMEOUT_MS: '6000',
  KILL_AFTER_MS: '1000',
  ORT_THREADS: '1',
};
const DEADLINE_MS = 60_000;

let cluster: Cluster;
let baseline: Baseline;
let models: Awaited<ReturnType<typeof createModels>>;
let journals: string;
let count = 0;

beforeAll(async () => {
  models = await createModels();
  journals = await mkdtemp(path.join(tmpdir(), 'stepcast-journals-'));
  cluster = await startCluster({
    workers: 2,
    env: { ...ENV, MODELS_DIR: models.folder },
    // A Redis that keeps every word, so that a restart of it loses none.
    redisArgs: ['--appendonly', 'yes', '--appendfsync', 'always'],
  });
  baseline = await baselineOf(cluster);
}, 90_000);
afterAll(async () => {
  await cluster.stop();
  await models.remove();
  await rm(journals, { recursive: true, force: true });
}, 60_000);

interface Run {
  readonly id: string;
  readonly watchers: Watcher[];
  /** What the first viewer holds now. */
  readonly state: () => JobState;
  readonly journal: () => Promise<Record<string, string[]>>;
  /** Waits until every viewer has all events of a step of an attempt. */
  readonly reached: (step: number, attempt?: number) => Promise<void>;
  /** Waits for the end; what the viewers hold, which must be one state. */
  readonly ended: () => Promise<JobState>;
}

/** A job with a viewer of each transport on each gateway. */
async function start(model: string, input: object, options: object = {}): Promise<Run> {
  count += 1;
  const file = path.join(journals, String(count));
  const whole = model === 'stepper' ? { ...input, journal: file } : input;
  const { id } = await submit(cluster.api, model, whole, options);
  const foldOf = foldOfModel(model);
  const watchers = watchEverywhere(cluster, { id, model, input }, { foldOf });
  return {
    id,
    watchers,
    state: () => watchers[0]!.seen.state,
    journal: () => readJournal(file),
    reached: async (step, attempt = 1) => {
      for (const watcher of watchers) {
        await watcher.until(
          () => watcher.seen.state.attempt === attempt && stepOf(watcher.seen.state) >= step,
          DEADLINE_MS,
          `step ${step} of attempt ${attempt}`,
        );
      }
    },
    ended: async () => {
      await Promise.all(watchers.map((watcher) => watcher.ended(DEADLINE_MS)));
      const late = watchEverywhere(cluster, { id, model, input }, { foldOf });
      await Promise.all(late.map((watcher) => watcher.ended(DEADLINE_MS)));
      const states = [...watchers, ...late].map(({ seen }) => {
        expect(seen.faults).toEqual([]);
        return seen.state;
      });
      for (const state of states) expect(state).toEqual(states[0]);
      return states[0]!;
    },
  };
}

/** The newest step of which a viewer has everything. */
function stepOf({ events }: JobState): number {
  const { last, step, token } = events as Record<string, { step?: number; index?: number }>;
  return last?.step ?? token?.index ?? step?.step ?? 0;
}

/** Kills the worker of a job, and starts another. */
async function killWorkerOf(run: Run, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const worker = await workerOf(cluster, run.state());
  const end = worker.kill(signal);
  cluster.workers.splice(cluster.workers.indexOf(worker), 1);
  await cluster.add('worker');
  await end;
}

const outputOf = ({ end }: JobState) => (end?.data as { output: Record<string, unknown> }).output;
const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `step ${from + index}`);
const attemptsOf = (events: readonly JobEvent[]) =>
  events.filter(({ type }) => type === 'attempt').map(({ data }) => data);

/** A run of the same input that nobody disturbs: what every other must come to. */
async function reference(input: object = {}): Promise<JobState> {
  const state = await (await start('stepper', { ...input, griefs: [] })).ended();
  expect(state).toMatchObject({ status: 'completed', attempt: 1 });
  return state;
}

describe('a checkpoint', () => {
  const hold = (at: number) => ({ at, how: 'hold' as const });

  it('6. at step 10, killed at 13: continues at 11; output equal to an uninterrupted run', async () => {
    const whole = await reference();
    const run = await start('stepper', { griefs: [hold(13)] });
    await run.reached(13);

    await killWorkerOf(run);
    const state = await run.ended();

    expect(state).toMatchObject({ status: 'completed', attempt: 2 });
    expect(outputOf(state)).toEqual(outputOf(whole));
    expect(state.events).toEqual(whole.events);
    expect(await run.journal()).toEqual({
      1: ['begins behind 0', ...steps(1, 13)],
      2: ['begins behind 10', ...steps(11, 20), 'ends'],
    });
    // queued, started, 10 steps of three events: 32. Those of steps 11 to 13 are void: 33 to 41.
    const log = await logOf(cluster, run.id);
    expect(attemptsOf(log)).toEqual([{ attempt: 2, mode: 'resume', fromSeq: 33 }]);
    expect(log.slice(41, 45).map(({ type }) => type)).toEqual([
      ...['attempt', 'snapshot', 'started', 'step'],
    ]);
    expect(log[42]).toMatchObject({
      attempt: 2,
      data: { attempt: 2, events: { last: { step: 10 } } },
    });
    expect(log).toHaveLength(41 + 3 + 30 + 1);
    expect(
      Object.keys(await metaOf(cluster, run.id)).filter((key) => key.startsWith('ckpt')),
    ).toEqual([]);
    await expectPageToShow(log);
  }, 120_000);

  it('with nothing behind it: steps simply go on', async () => {
    const run = await start('stepper', { griefs: [hold(10)] });
    await run.reached(10);
    await untilSaved(cluster, run.id, 32);

    await killWorkerOf(run);
    const state = await run.ended();

    expect(state.events).toEqual((await reference()).events);
    const types = (await logOf(cluster, run.id)).map(({ type }) => type);
    expect(types).not.toContain('snapshot');
    expect(types.slice(32, 36)).toEqual(['attempt', 'started', 'step', 'word']);
    expect((await run.journal())['2']).toEqual(['begins behind 10', ...steps(11, 20), 'ends']);
  }, 120_000);

  it('serves one death after the other, whether an attempt came to the next one or not', async () => {
    const input = { checkpointEvery: 5, griefs: [hold(13), hold(12), hold(17)] };
    const run = await start('stepper', input);
    for (const [attempt, step] of [
      [1, 13],
      [2, 12],
      [3, 17],
    ] as const) {
      await run.reached(step, attempt);
      await killWorkerOf(run);
    }

    const state = await run.ended();

    const whole = await reference({ checkpointEvery: 5 });
    expect(state).toMatchObject({ status: 'completed', attempt: 4, events: whole.events });
    expect(outputOf(state)).toEqual(outputOf(whole));
    expect(await run.journal()).toMatchObject({
      2: ['begins behind 10', ...steps(11, 12)],
      3: ['begins behind 10', ...steps(11, 17)],
      4: ['begins behind 15', ...steps(16, 20), 'ends'],
    });
    expect(attemptsOf(await logOf(cluster, run.id))).toMatchObject(
      [2, 3, 4].map((attempt) => ({ attempt, mode: 'resume' })),
    );
  }, 180_000);

  it.each([
    ['the model throws', { at: 13, how: 'throw' }, undefined],
    ['the model host dies', { at: 13, how: 'exit' }, undefined],
    ['the worker drains', hold(13), 'SIGTERM'],
  ] as const)(
    'serves also when %s',
    async (_, grief, signal) => {
      const run = await start('stepper', { griefs: [grief] }, { attempts: 2 });
      if (signal !== undefined) {
        await run.reached(13);
        await killWorkerOf(run, signal);
      }

      const state = await run.ended();

      expect(state.events).toEqual((await reference()).events);
      expect((await run.journal())['2']).toEqual(['begins behind 10', ...steps(11, 20), 'ends']);
      expect(attemptsOf(await logOf(cluster, run.id))).toEqual([
        { attempt: 2, mode: 'resume', fromSeq: 33 },
      ]);
    },
    120_000,
  );

  it('serves also when Redis was restarted in between', async () => {
    const run = await start('stepper', { griefs: [hold(13)] });
    await run.reached(13);
    await (await workerOf(cluster, run.state())).kill('SIGKILL');
    await cluster.redis.restart();
    await cluster.add('worker');

    const state = await run.ended();

    expect(state.events).toEqual((await reference()).events);
    expect((await run.journal())['2']).toEqual(['begins behind 10', ...steps(11, 20), 'ends']);
    // Another server: the claim began a new life of the log, and every viewer was told.
    for (const { seen } of run.watchers) expect(seen.resets).toEqual(['lost']);
  }, 120_000);

  it('3. is not touched by a worker that was stopped past its lock and comes back', async () => {
    const input = { steps: 300, everyMs: 20, checkpointEvery: 1 };
    const run = await start('stepper', input);
    await run.reached(10);
    const zombie = await workerOf(cluster, run.state());
    await zombie.kill('SIGSTOP');
    await run.reached(11, 2);
    await zombie.kill('SIGCONT');

    await waitFor(async () => (await run.journal())['1']?.at(-1) === 'ends', DEADLINE_MS);
    const state = await run.ended();

    const whole = await reference({ ...input, everyMs: 0 });
    expect(state).toMatchObject({ status: 'completed', attempt: 2, events: whole.events });
    expect(outputOf(state)).toEqual(outputOf(whole));
    expect((await run.journal())['1']).not.toContain('step 300');
  }, 180_000);
});

describe('a checkpoint in a log that is trimmed', () => {
  const startTrimmed = async (checkpointEvery: number, at: number): Promise<Run> => {
    await Promise.all(cluster.workers.splice(0).map((worker) => worker.kill('SIGKILL')));
    await Promise.all([0, 1].map(() => cluster.add('worker', { LOG_MAX_EVENTS: '100' })));
    const griefs = [{ at, how: 'hold' }];
    const run = await start('stepper', { steps: 200, checkpointEvery, griefs });
    await run.reached(at);
    return run;
  };

  it('is what the log is trimmed up to, and serves (L8, L9)', async () => {
    const run = await startTrimmed(20, 150);
    await untilSaved(cluster, run.id, 2 + 3 * 140);
    expect((await logOf(cluster, run.id)).length).toBeLessThan(250);

    await killWorkerOf(run);
    const state = await run.ended();

    const whole = await reference({ steps: 200, checkpointEvery: 20 });
    expect(state).toMatchObject({ attempt: 2, events: whole.events });
    expect((await run.journal())['2']?.[0]).toBe('begins behind 140');
  }, 180_000);

  it('is given up when too much came behind it: the next attempt begins anew (L8, L9)', async () => {
    const run = await startTrimmed(60, 170);
    await waitFor(async () => !('ckpt' in (await metaOf(cluster, run.id))));

    await killWorkerOf(run);
    const state = await run.ended();

    expect(state).toMatchObject({ attempt: 2, events: (await reference({ steps: 200 })).events });
    expect((await run.journal())['2']?.[0]).toBe('begins behind 0');
  }, 180_000);
});

describe('the models that ship', () => {
  /** Runs until an attempt was killed between a checkpoint and its end; that is a race with the model. */
  async function interrupted(model: string, input: object, step: number): Promise<JobState> {
    for (let tries = 1; tries <= 5; tries++) {
      const run = await start(model, input);
      await run.reached(step);
      await killWorkerOf(run);
      const state = await run.ended();
      if (state.attempt === 1) continue;
      // The log itself may have been trimmed behind it.
      expect(run.watchers[0]?.seen.attempts).toMatchObject([{ attempt: 2, mode: 'resume' }]);
      return state;
    }
    throw new Error(`${model} was always faster than the kill`);
  }

  it('sketch draws the same picture, byte for byte, as if nothing had happened', async () => {
    const input = { prompt: 'a big golden star on blue', steps: 150, seed: 7 };
    const whole = await (await start('sketch', input)).ended();

    const state = await interrupted('sketch', input, 20);

    expect(outputOf(state)).toEqual(outputOf(whole));
    expect(state.events['step']).toMatchObject({ step: 150, preview: outputOf(whole)['image'] });
  }, 180_000);

  it('writer writes the same text, token for token', async () => {
    const input = { prompt: 'Leo was a sleepy dragon.', maxTokens: 480, seed: 7, stop: ['never.'] };
    const whole = await (await start('writer', input)).ended();

    const state = await interrupted('writer', input, 40);

    expect(outputOf(state)).toEqual(outputOf(whole));
    expect(state.events['token']).toMatchObject({ text: outputOf(whole)['text'] });
  }, 180_000);
});

it('leaves nothing behind', async () => {
  stopAllWatchers();
  await expectNothingLeft(cluster, baseline);
}, 60_000);

/** The page's own reading of the log of fault 6: each step once, what is void marked as such. */
async function expectPageToShow(log: readonly JobEvent[]): Promise<void> {
  interface Page {
    text: string;
    progress: { step: number };
    status: string;
    rows: { seq: number; type: string; isVoid: boolean }[];
    apply(event: JobEvent): void;
  }
  const file = fileURLToPath(new URL('../../web/job-state.js', import.meta.url));
  const { JobState } = (await import(pathToFileURL(file).href)) as {
    JobState: new (id: string, foldOf: (model: string, type: string) => string) => Page;
  };
  const page = new JobState('job', (_model, type) => foldOfModel('stepper')(type));
  for (const event of log) page.apply(event);

  expect(page.text).toBe(Array.from({ length: 20 }, (_, index) => `${index + 1} `).join(''));
  expect(page).toMatchObject({ status: 'completed', progress: { step: 20 } });
  const voided = page.rows.filter(({ isVoid }) => isVoid).map(({ seq }) => seq);
  expect(voided).toEqual([33, 34, 35, 36, 37, 38, 39, 40, 41]);
}
