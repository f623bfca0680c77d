// What does the hub add to a model's own time? Steps of `sketch` and tokens of `writer`: in the hub with
// one viewer; over the same model code in this process; and, of `sketch`, in a bare loop of the network and the
// arithmetic between its steps, without a preview. Rounds alternate in one run, so read the ratios. With one
// thread per core whatever else runs takes a core from the network: compare with 1 thread, too.
//
//   npm run bench -- models [rounds] [threads of a session; 0 = one per core]
import { fileURLToPath } from 'node:url';
import {
  createRandom,
  loadModel,
  loadRegistry,
  runModel,
  type InferenceSession,
  type LoadedModel,
} from '@stepcast/models';
import { draw } from '../models/sketch/draw.js';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { openStream } from '../test/support/clients.js';
import { describeMachine, summary } from './statistics.js';

const ROUNDS = Number(process.argv[2] ?? 10);
/** Threads of a session, in the hub and bare; 0 = one per core. */
const THREADS = Number(process.argv[3] ?? 0);
const WORK = {
  sketch: {
    type: 'step',
    input: { prompt: 'a big red circle on a blue background', steps: 100, seed: 1 },
  },
  writer: { type: 'token', input: { prompt: '', maxTokens: 200, seed: 1 } },
};

type Name = keyof typeof WORK;

const hub = await startAppProcess('standalone', {
  REDIS_URL: process.env['REDIS_URL'] ?? '',
  KEY_PREFIX: uniquePrefix(),
  ORT_THREADS: String(THREADS),
});
const registry = await loadRegistry(fileURLToPath(new URL('../models', import.meta.url)));

async function warm(name: Name): Promise<LoadedModel> {
  const entry = registry.entries().find(({ model }) => model.name === name);
  if (entry === undefined) throw new Error(`no model ${name}`);
  return loadModel(entry, { providers: ['cpu'], threads: THREADS, log: () => undefined });
}

/** Milliseconds between the first and the last event of the type, per event. */
function perEvent(times: readonly number[]): number {
  return ((times.at(-1) ?? NaN) - (times[0] ?? NaN)) / (times.length - 1);
}

async function bare(model: LoadedModel, name: Name): Promise<number> {
  const { type, input } = WORK[name];
  const times: number[] = [];
  await runModel(
    model,
    { job: 'bench', attempt: 1, input },
    {
      signal: new AbortController().signal,
      log: () => undefined,
      emit: (event) => {
        if (event.type === type) times.push(performance.now());
      },
    },
  );
  return perEvent(times);
}

/** Milliseconds per step of the network alone. */
async function ort(model: LoadedModel): Promise<number> {
  const { unet } = model.loaded as { unet: InferenceSession };
  const tokens = new Array<number>(12).fill(3);
  const times: number[] = [];
  for await (const { step } of draw(unet, { tokens, steps: 100, random: createRandom(1) })) {
    times[step - 1] = performance.now();
  }
  return perEvent(times);
}

async function inHub(name: Name): Promise<number> {
  const { type, input } = WORK[name];
  const stream = await openStream(`${hub.url}/v1/models/${name}/stream`, { body: input });
  const events = await stream.record.ended();
  return perEvent(events.filter((event) => event.type === type).map(({ at }) => at));
}

console.log(`models: ${describeMachine()}; ${ROUNDS} rounds`);
for (const name of ['sketch', 'writer'] as const) {
  const model = await warm(name);
  const unit = name === 'sketch' ? 'ms/step' : 'ms/token';
  await bare(model, name);
  await inHub(name);
  const results = { ort: [] as number[], bare: [] as number[], hub: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    if (name === 'sketch') results.ort.push(await ort(model));
    results.bare.push(await bare(model, name));
    results.hub.push(await inHub(name));
  }
  const overhead = (base: readonly number[]) =>
    summary(
      results.hub.map((value, round) => 100 * (value / (base[round] ?? NaN) - 1)),
      '%',
    );
  if (results.ort.length > 0) {
    console.log(`${name}, the network alone:  ${summary(results.ort, unit)}`);
    console.log(`${name}, hub above network:  ${overhead(results.ort)}`);
  }
  console.log(`${name} without a hub:       ${summary(results.bare, unit)}`);
  console.log(`${name} in the hub:          ${summary(results.hub, unit)}`);
  console.log(`${name}, hub above model:    ${overhead(results.bare)}`);
  await model.unload();
}
await stopAllApps();
