// What can batching between steps gain at most, and how much of that do the models reach by themselves? A bare
// loop over session.run (of writer with texts of some 190 tokens each) at batch 1 and at the model's own size, beside the same model in its runner with as many jobs, in this
// process, without a hub. All four take turns in one run, so read the ratios.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { createRunner, loadModel, loadRegistry, type LoadedModel } from '@stepcast/models';
import { describeMachine, summary } from './statistics.js';

const ROUNDS = Number(process.argv[2] ?? 6);
const models = new URL('../models/', import.meta.url).pathname;
const options = { logSeverityLevel: 3 } as const;

const int64 = (values: readonly number[], dims: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), dims);

const repeat = (value: number, count: number): number[] => new Array<number>(count).fill(value);

async function bareSketch(session: InferenceSession, batch: number, steps: number): Promise<void> {
  const noisy = new Float32Array(batch * 3 * 64 * 64).fill(0.1);
  const feeds = {
    noisy: new Tensor('float32', noisy, [batch, 3, 64, 64]),
    t: new Tensor('float32', new Float32Array(batch).fill(0.5), [batch]),
    tokens: int64(repeat(3, batch * 12), [batch, 12]),
  };
  for (let step = 0; step < steps; step++) await session.run(feeds);
}

/** The cache is as wide as that of {@link WORK}'s texts in their last quarter, and is not written. */
async function bareWriter(session: InferenceSession, batch: number, steps: number): Promise<void> {
  const places = 192;
  const parts = session.inputNames.filter((name) => name.startsWith('past_key_values.'));
  const past = new Tensor('float32', new Float32Array(batch * 4 * places * 32), [
    batch,
    4,
    places,
    32,
  ]);
  const cache = Object.fromEntries(parts.map((name) => [name, past]));
  for (let step = 0; step < steps; step++) {
    await session.run({
      ...cache,
      input_ids: int64(repeat(5, batch), [batch, 1]),
      attention_mask: int64(repeat(1, batch * (places + 1)), [batch, places + 1]),
      position_ids: int64(repeat(places, batch), [batch, 1]),
    });
  }
}

/** As many jobs at once; none of them ends before its last step. */
async function inRunner(warm: LoadedModel, input: object, jobs: number): Promise<number> {
  const runner = createRunner(warm);
  let events = 0;
  await Promise.all(
    Array.from({ length: jobs }, (_, seed) => {
      return runner.run(
        { job: `job-${seed}`, attempt: 1, input: { ...input, seed } },
        {
          signal: new AbortController().signal,
          emit: () => (events++, undefined),
          log: () => undefined,
        },
      );
    }),
  );
  return events;
}

const WORK = {
  sketch: {
    ...{ file: 'unet.onnx', bare: bareSketch, size: 8, steps: 40, unit: 'image-steps/s' },
    input: { prompt: 'a big red circle on a blue background', steps: 40 },
  },
  writer: {
    ...{ file: 'model.onnx', bare: bareWriter, size: 16, steps: 200, unit: 'tokens/s' },
    input: { prompt: '', maxTokens: 200, temperature: 1 },
  },
} as const;

async function rate(work: () => Promise<number>): Promise<number> {
  const started = performance.now();
  const count = await work();
  return (count / (performance.now() - started)) * 1000;
}

console.log(`step-batch-bare: ${describeMachine()}; ${ROUNDS} rounds`);
const registry = await loadRegistry(models);
for (const name of ['sketch', 'writer'] as const) {
  const { file, bare, size, steps, unit, input } = WORK[name];
  const entry = registry.entries().find(({ model }) => model.name === name);
  if (entry === undefined) throw new Error(`no model ${name}`);
  const warm = await loadModel(entry, { providers: ['cpu'], threads: 0, log: () => undefined });
  const session = await InferenceSession.create(`${models}${name}/${file}`, options);
  const runs: Record<string, () => Promise<number>> = {};
  for (const batch of [1, size]) {
    runs[`bare, batch ${batch}`] = () => bare(session, batch, steps).then(() => batch * steps);
    runs[`${name}, ${batch} jobs`] = () => inRunner(warm, input, batch);
  }
  const rates: Record<string, number[]> = {};
  for (let round = -1; round < ROUNDS; round++) {
    for (const [label, run] of Object.entries(runs)) {
      const value = await rate(run);
      // The first round warms up.
      if (round >= 0) (rates[label] ??= []).push(value);
    }
  }
  for (const [label, values] of Object.entries(rates)) {
    console.log(`${label.padEnd(16)} ${summary(values, unit)}`);
  }
  await session.release();
  await warm.unload();
}
