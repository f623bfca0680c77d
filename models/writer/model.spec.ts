/** @jest-environment ./libs/models/testing/ort-environment.mjs */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRunner, loadModel, type LoadedModel, type ModelRunner } from '@stepcast/models';

import {
  allEnded,
  outputOf,
  startJob,
  type StartedJob,
} from '../../libs/models/testing/start-job.js';
import writer from './model.js';

const LONG_PROMPT = 'Once upon a time there was a brave robot named Ada. '.repeat(12);

/** At temperature 0, so that a difference of 1e-5 in the logits makes none in the text. */
const INPUTS = [
  { prompt: 'Once upon a time there was a brave robot named Ada.', maxTokens: 60 },
  { prompt: '', maxTokens: 25 },
  { prompt: LONG_PROMPT, maxTokens: 40 },
  { prompt: 'Leo was a sleepy dragon.', maxTokens: 120, stop: ['home'] },
  { prompt: 'Mia', maxTokens: 1 },
  { prompt: 'Tom and the cat', maxTokens: 90 },
  { prompt: 'The old king', maxTokens: 33 },
].map((input) => ({ ...input, temperature: 0, seed: 1 }));

let warm: LoadedModel;
let runner: ModelRunner;
let steps = 0;
/** Each input's run by itself. */
let alone: StartedJob[];

beforeAll(async () => {
  const entry = { model: writer, directory: import.meta.dirname };
  const options = { providers: ['cpu'], threads: 0, log: () => undefined };
  warm = await loadModel(entry, options);
  runner = createRunner(warm, { onBatch: () => steps++ });
  alone = [];
  for (const input of INPUTS) {
    const job = startJob(runner, input);
    await job.outcome;
    alone.push(job);
  }
});

afterAll(() => warm.unload());

/** Starts the inputs one by one: each when the one before it has had three events, or its last. */
function startStaggered(onEvent?: (job: StartedJob, index: number) => void): StartedJob[] {
  const jobs: StartedJob[] = [];
  const startNext = (): void => {
    const index = jobs.length;
    if (index === INPUTS.length) return;
    const job = startJob(runner, INPUTS[index], {
      onEvent: (self) => {
        if (self.events.length === Math.min(3, INPUTS[index]!.maxTokens)) startNext();
        onEvent?.(self, index);
      },
    });
    jobs.push(job);
  };
  startNext();
  return jobs;
}

describe('writer, many at once', () => {
  it('writes for each job what it writes alone, while others join and leave', async () => {
    const jobs = startStaggered();
    await allEnded(jobs);

    expect(jobs).toHaveLength(INPUTS.length);
    for (const [index, job] of jobs.entries()) {
      expect(job.events).toEqual(alone[index]!.events);
      expect(await job.outcome).toEqual(await alone[index]!.outcome);
    }
  });

  it('changes nothing for the others when one is cancelled in the middle', async () => {
    const cancelled = 0;
    const jobs = startStaggered((job, index) => {
      if (index === cancelled && job.events.length === 20) job.abort();
    });
    await allEnded(jobs);

    expect(await jobs[cancelled]!.outcome).toEqual({ kind: 'aborted' });
    expect(jobs[cancelled]!.events).toEqual(alone[cancelled]!.events.slice(0, 20));
    const eventsOf = (all: readonly StartedJob[]) => {
      return all.filter((_, index) => index !== cancelled).map(({ events }) => events);
    };
    expect(eventsOf(jobs)).toEqual(eventsOf(alone));
  });

  it('gives a job that joins its first event within two steps', async () => {
    const late = { began: -1, first: -1 };
    let joined: StartedJob | undefined;
    const first = startJob(runner, INPUTS[0], {
      onEvent: ({ events }) => {
        if (events.length !== 10) return;
        late.began = steps;
        joined = startJob(runner, INPUTS[2], {
          onEvent: (job) => {
            if (job.events.length === 1) late.first = steps;
          },
        });
      },
    });
    await first.outcome;
    await joined!.outcome;

    expect(late.began).toBeGreaterThan(0);
    expect(late.first - late.began).toBeLessThanOrEqual(2);
  });

  it('goes on behind a checkpoint among others', async () => {
    const before = startJob(runner, INPUTS[5], {
      onEvent: (job) => {
        if (job.checkpoints.length === 2) job.abort();
      },
    });
    const company = startJob(runner, INPUTS[0]);
    await before.outcome;
    const after = startJob(runner, INPUTS[5], { saved: before.checkpoints[1] });
    const more = startJob(runner, INPUTS[3]);
    await allEnded([company, after, more]);

    expect(after.events.length).toBeLessThan(alone[5]!.events.length - 30);
    expect(after.events).toEqual(alone[5]!.events.slice(-after.events.length));
    expect(await after.outcome).toEqual(await alone[5]!.outcome);
    expect(company.events).toEqual(alone[0]!.events);
    expect(more.events).toEqual(alone[3]!.events);
  });
});

describe('writer, alone', () => {
  it('goes on behind each checkpoint with the same tokens, at any temperature', async () => {
    const input = { prompt: 'Once', maxTokens: 100, temperature: 1.2, seed: 3 };
    const whole = startJob(runner, input);
    await whole.outcome;

    expect(whole.checkpoints.length).toBeGreaterThan(3);
    for (const saved of whole.checkpoints) {
      const rest = startJob(runner, input, { saved });
      await rest.outcome;

      expect(rest.events).toEqual(whole.events.slice(whole.events.length - rest.events.length));
      expect(await rest.outcome).toEqual(await whole.outcome);
    }
  });

  it('says how much of a prompt was not read, once', async () => {
    const input = { prompt: 'word '.repeat(390), maxTokens: 40, temperature: 0 };
    const job = startJob(runner, input);
    const output = await outputOf(job);
    const again = startJob(runner, input, { saved: job.checkpoints[0] });
    await again.outcome;

    expect(job.log).toEqual([expect.stringMatching(/its first \d+ tokens are not read/)]);
    expect(again.log).toEqual([]);
    expect(output).toMatchObject({ promptTokens: 471, tokens: 40, finishReason: 'length' });
  });
});
