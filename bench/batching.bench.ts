// What is batching between steps worth, with the whole hub around it? So many jobs at once, each with a
// viewer, in a hub that batches and in one that does not (MAX_BATCH_SIZE=1): items of all jobs together per
// second, from the first event to the last. Rounds alternate in one run, so read the ratios. A round that
// joins late tells how many steps of the others a new job waits for its first event.
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { openStream, type SeenEvent } from '../test/support/clients.js';
import { describeMachine, summary } from './statistics.js';

const ROUNDS = Number(process.argv[2] ?? 5);

interface Work {
  readonly model: string;
  readonly type: string;
  readonly jobs: number;
  readonly input: (job: number) => object;
  /** How many items an ended job has made. */
  readonly items: (events: readonly SeenEvent[]) => number;
}

const outputOf = (events: readonly SeenEvent[]): Record<string, unknown> =>
  events.at(-1)?.data['output'] as Record<string, unknown>;

const WORKS: readonly Work[] = [
  {
    model: 'writer',
    type: 'token',
    jobs: 16,
    input: (job) => ({ prompt: '', maxTokens: 256, seed: job, temperature: 1 }),
    items: (events) => Number(outputOf(events)['tokens']),
  },
  {
    model: 'sketch',
    type: 'step',
    jobs: 8,
    input: (job) => ({ prompt: 'a red circle on white', steps: 60, seed: job }),
    items: (events) => events.filter(({ type }) => type === 'step').length,
  },
];

async function startHub(maxBatchSize: string): Promise<{ readonly url: string }> {
  const env = { REDIS_URL: process.env['REDIS_URL'] ?? '', KEY_PREFIX: uniquePrefix() };
  return startAppProcess('standalone', { ...env, MAX_BATCH_SIZE: maxBatchSize });
}

const hubs = { on: await startHub('0'), off: await startHub('1') };

async function run(hub: { readonly url: string }, work: Work, job: number): Promise<SeenEvent[]> {
  const stream = await openStream(`${hub.url}/v1/models/${work.model}/stream`, {
    body: work.input(job),
  });
  return stream.record.ended();
}

/** Items of all jobs together per second. */
async function rate(hub: { readonly url: string }, work: Work): Promise<number> {
  const jobs = Array.from({ length: work.jobs }, (_, job) => run(hub, work, job));
  const logs = await Promise.all(jobs);
  const failed = logs.find((events) => events.at(-1)?.type !== 'completed');
  if (failed !== undefined) throw new Error(JSON.stringify(failed.at(-1)));
  const items = logs.reduce((sum, events) => sum + work.items(events), 0);
  const times = logs.flat().flatMap(({ type, at }) => (type === work.type ? [at] : []));
  return items / ((Math.max(...times) - Math.min(...times)) / 1_000);
}

/** How many steps of a running job pass between the start of a late one and its first event. */
async function lateSteps(work: Work): Promise<number> {
  const others = Array.from({ length: work.jobs - 1 }, (_, job) => run(hubs.on, work, job));
  await new Promise((resolve) => setTimeout(resolve, 150));
  const late = await run(hubs.on, work, work.jobs);
  const started = late.find(({ type }) => type === 'started')?.at ?? NaN;
  const first = late.find(({ type }) => type === work.type)?.at ?? NaN;
  const counts = (await Promise.all(others)).map(
    (events) =>
      events.filter(({ type, at }) => type === work.type && at > started && at < first).length,
  );
  return Math.max(...counts);
}

console.log(`batching: ${describeMachine()}; ${ROUNDS} rounds`);
for (const work of WORKS) {
  const results = { on: [] as number[], off: [] as number[] };
  await rate(hubs.on, work);
  await rate(hubs.off, work);
  for (let round = 0; round < ROUNDS; round++) {
    results.on.push(await rate(hubs.on, work));
    results.off.push(await rate(hubs.off, work));
  }
  const ratios = results.on.map((value, round) => value / (results.off[round] ?? NaN));
  console.log(`${work.model} × ${work.jobs} batched:  ${summary(results.on, 'items/s')}`);
  console.log(`${work.model} × ${work.jobs} one by one: ${summary(results.off, 'items/s')}`);
  console.log(`${work.model} ratio, round by round: ${summary(ratios, '×')}`);
  const late: number[] = [];
  for (let round = 0; round < ROUNDS; round++) late.push(await lateSteps(work));
  console.log(
    `${work.model}: events of another job before the first of a late one: ${summary(late, '')}`,
  );
}
await stopAllApps();
