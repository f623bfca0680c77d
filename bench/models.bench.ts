// What does the hub add to a model's own time? Steps of `sketch` and tokens of `writer`: in the hub with
// one viewer, and in a bare loop over the same model code in this process, which also tells how much of
// it is spent inside onnxruntime. Rounds alternate in one run, so read the ratios.
import { fileURLToPath } from 'node:url';
import { loadModel, loadRegistry, runModel, type LoadedModel } from '@stepcast/models';
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

async function bare(model: LoadedModel, name: Name): Promise<{ wall: number; ort: number[] }> {
  const { type, input } = WORK[name];
  const times: number[] = [];
  const ort: number[] = [];
  await runModel(
    model,
    { job: 'bench', attempt: 1, input },
    {
      signal: new AbortController().signal,
      log: () => undefined,
      emit: (event) => {
        if (event.type !== type) return;
        times.push(performance.now());
        const { ms } = JSON.parse(event.json) as { ms?: number };
        if (ms !== undefined) ort.push(ms);
      },
    },
  );
  return { wall: perEvent(times), ort };
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
  const results = { bare: [] as number[], hub: [] as number[], ort: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const { wall, ort } = await bare(model, name);
    results.bare.push(wall);
    results.ort.push(...ort);
    results.hub.push(await inHub(name));
  }
  if (results.ort.length > 0)
    console.log(`${name} inside session.run: ${summary(results.ort, unit)}`);
  console.log(`${name} in a bare loop:     ${summary(results.bare, unit)}`);
  console.log(`${name} in the hub:         ${summary(results.hub, unit)}`);
  await model.unload();
}
await stopAllApps();
