/** @jest-environment ./libs/models/testing/ort-environment.mjs */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createRandom,
  createRunner,
  loadModel,
  type LoadedModel,
  type ModelRunner,
} from '@stepcast/models';
import { decode } from 'fast-png';
import { InferenceSession } from 'onnxruntime-node';

import {
  allEnded,
  outputOf,
  startJob,
  type StartedJob,
} from '../../libs/models/testing/start-job.js';
import { beginDrawing, draw, drawStep, type Order } from './draw.js';
import sketch from './model.js';

/** Kernels for a batch add up in another order than those for one. */
const TOLERANCE = 1e-4;

const INPUTS = [
  { prompt: 'a red circle on white', steps: 24, seed: 1 },
  { prompt: 'a big golden star on a dark background', steps: 3, seed: 2 },
  { prompt: 'a small pink heart, blue background', steps: 12, seed: 3 },
  { prompt: 'a green cross', steps: 1, seed: 4 },
  { prompt: 'a small blue ring on yellow', steps: 7, seed: 5 },
];

interface StepData {
  readonly step: number;
  readonly of: number;
  readonly ms: number;
  readonly preview: string;
}

let warm: LoadedModel;
let runner: ModelRunner;
let steps = 0;
/** Each input's run by itself. */
const alone: StartedJob[] = [];

beforeAll(async () => {
  const entry = { model: sketch, directory: import.meta.dirname };
  const options = { providers: ['cpu'], threads: 0, log: () => undefined };
  warm = await loadModel(entry, options);
  runner = createRunner(warm, { onBatch: () => steps++ });
  for (const input of INPUTS) {
    const job = startJob(runner, input);
    await job.outcome;
    alone.push(job);
  }
});

afterAll(() => warm.unload());

const stepsOf = (job: StartedJob): StepData[] => job.events.map(({ data }) => data as StepData);

/** The greatest difference between two PNGs, in 255ths. */
function difference(one: string, other: string): number {
  const [pixels, others] = [one, other].map((url) => {
    return [...decode(Buffer.from(url.split(',')[1] ?? '', 'base64')).data];
  });
  return Math.max(...pixels!.map((value, index) => Math.abs(value - others![index]!)));
}

/** That a job has drawn what `expected` has, from one of its steps on. */
function expectSame(job: StartedJob, expected: StartedJob, from = 1): void {
  const drawn = stepsOf(job);
  const wanted = stepsOf(expected).slice(from - 1, from - 1 + drawn.length);
  expect(drawn.map(({ step, of }) => [step, of])).toEqual(wanted.map(({ step, of }) => [step, of]));
  const differences = drawn.map(({ preview }, index) =>
    difference(preview, wanted[index]!.preview),
  );
  expect(Math.max(...differences)).toBeLessThanOrEqual(1);
}

/** Starts the inputs one by one: each at the first step of the one before it. */
function startStaggered(onEvent?: (job: StartedJob, index: number) => void): StartedJob[] {
  const jobs: StartedJob[] = [];
  const startNext = (): void => {
    const index = jobs.length;
    if (index === INPUTS.length) return;
    const job = startJob(runner, INPUTS[index], {
      onEvent: (self) => {
        if (self.events.length === 1) startNext();
        onEvent?.(self, index);
      },
    });
    jobs.push(job);
  };
  startNext();
  return jobs;
}

describe('sketch, many at once', () => {
  it('draws for each job what it draws alone, while others join and leave', async () => {
    const jobs = startStaggered();
    await allEnded(jobs);

    expect(jobs).toHaveLength(INPUTS.length);
    for (const [index, job] of jobs.entries()) {
      const [output, expected] = await Promise.all([outputOf(job), outputOf(alone[index]!)]);
      expect(job.events).toHaveLength(INPUTS[index]!.steps);
      expectSame(job, alone[index]!);
      expect(output).toMatchObject({ width: 64, height: 64, seed: INPUTS[index]!.seed });
      const [image, wanted] = [output, expected].map((it) => (it as { image: string }).image);
      expect(difference(image!, wanted!)).toBeLessThanOrEqual(1);
    }
  });

  it('changes nothing for the others when one is cancelled in the middle', async () => {
    const jobs = startStaggered((job, index) => {
      if (index === 2 && job.events.length === 4) job.abort();
    });
    await allEnded(jobs);

    expect(await jobs[2]!.outcome).toEqual({ kind: 'aborted' });
    expect(jobs[2]!.events).toHaveLength(4);
    for (const [index, job] of jobs.entries()) expectSame(job, alone[index]!);
    for (const index of [0, 1, 3, 4]) {
      expect(jobs[index]!.events).toHaveLength(INPUTS[index]!.steps);
    }
  });

  it('gives a job that joins its first event within two steps', async () => {
    const late = { began: -1, first: -1 };
    const jobs = startStaggered((job, index) => {
      if (index === 0 && job.events.length === 1) late.began = steps;
      if (index === 1 && job.events.length === 1) late.first = steps;
    });
    await allEnded(jobs);

    expect(late.began).toBeGreaterThan(0);
    expect(late.first - late.began).toBeLessThanOrEqual(2);
  });

  it('goes on behind a checkpoint among others', async () => {
    const before = startJob(runner, INPUTS[0], {
      onEvent: (job) => {
        if (job.checkpoints.length === 1) job.abort();
      },
    });
    const company = startJob(runner, INPUTS[2]);
    await before.outcome;
    const after = startJob(runner, INPUTS[0], { saved: before.checkpoints[0] });
    await allEnded([company, after]);

    expect(after.events).toHaveLength(14);
    expectSame(after, alone[0]!, 11);
    expectSame(company, alone[2]!);
    expect(await outputOf(after)).toMatchObject({ seed: 1 });
  });
});

describe('sketch, alone', () => {
  it('goes on behind each checkpoint with the same bytes', async () => {
    const { checkpoints, events, outcome } = alone[0]!;

    expect(checkpoints).toHaveLength(2);
    for (const [index, saved] of checkpoints.entries()) {
      const rest = startJob(runner, INPUTS[0], { saved });

      expect(await rest.outcome).toEqual(await outcome);
      expect(stepsOf(rest).map(({ preview }) => preview)).toEqual(
        events.slice(10 * (index + 1)).map(({ data }) => (data as StepData).preview),
      );
    }
  });

  it('ends with the preview that is the picture, and names unknown words once', async () => {
    const input = { prompt: 'a red circle with whiskers', steps: 11, seed: 1 };
    const job = startJob(runner, input);
    const output = await outputOf(job);
    const again = startJob(runner, input, { saved: job.checkpoints[0] });
    await again.outcome;

    expect(output).toMatchObject({ image: stepsOf(job).at(-1)!.preview });
    expect(job.log).toEqual([expect.stringContaining('whiskers')]);
    expect(again.log).toEqual([]);
  });
});

describe('drawStep', () => {
  it('gives each drawing what it gets alone, at whatever step and with however many steps', async () => {
    const file = path.join(import.meta.dirname, 'unet.onnx');
    const unet = await InferenceSession.create(file, { logSeverityLevel: 3 });
    const orders = [12, 5, 8].map((count, index): (() => Order) => () => ({
      tokens: Array.from({ length: 12 }, (_, place) => (place < 3 ? 1 + index * 3 + place : 0)),
      steps: count,
      random: createRandom(index),
    }));
    const drawings = orders.map((order) => beginDrawing(order()));
    let open = drawings.slice(0, 1);
    for (let turn = 1; open.length > 0; turn++) {
      await drawStep(unet, open);
      open = drawings.slice(0, turn + 1).filter(({ step, steps: of }) => step < of);
    }

    let worst = 0;
    for (const [index, order] of orders.entries()) {
      const stages = [];
      for await (const stage of draw(unet, order())) stages.push(stage);
      stages.at(-1)!.picture.forEach((value, place) => {
        worst = Math.max(worst, Math.abs(value - drawings[index]!.picture[place]!));
      });
    }
    await unet.release();

    expect(worst).toBeLessThan(TOLERANCE);
  });
});
