// How many deliveries a second does one gateway make? One job with 1,000 viewers, and 1,000 jobs with
// one viewer each, against what one writes first (bench/naive-hub.ts), in one run.
//
// Method: the gateway has core 0; Redis, the writer and the viewers share the others. The writer appends
// through the real script, as a worker does: batches, one in flight per job. The time runs from the
// first append until the last viewer has the last event. Read the ratio: the machine is noisy.
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { completeOptions, jobOptionsSchema } from '@stepcast/protocol';
import { RedisStore } from '@stepcast/redis';
import { Redis } from 'ioredis';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { describeMachine } from './statistics.js';

const VIEWERS = Number(process.argv[2] ?? 1_000);
const url = process.env['REDIS_URL'] ?? '';
const prefix = uniquePrefix();
const DATA = JSON.stringify({ step: 7, of: 20, pad: 'x'.repeat(16) });
const options = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });

const gateway = await startAppProcess('gateway', {
  REDIS_URL: url,
  KEY_PREFIX: prefix,
});
spawnSync('taskset', ['-acp', '0', String(gateway.pid)]);
const store = new RedisStore({ url, keyPrefix: prefix, name: 'bench', onError: console.error });
await store.open();
const redis = new Redis(url);
const naive = startFile('naive-hub.ts', [url]);
const [naivePort] = (await once(naive, 'message')) as [number];
spawnSync('taskset', ['-acp', '0', String(naive.pid)]);

function startFile(name: string, args: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(name, import.meta.url));
  return fork(file, [...args], { execArgv: ['--import', 'tsx'] });
}

interface Shape {
  readonly jobs: number;
  readonly events: number;
  readonly batch: number;
}

async function createJobs(count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const id = randomUUID();
      await store.records.create({ id, epoch: 'e', model: 'bench', input: '{}', options });
      await store.writer.claim(id, 'bench');
      return id;
    }),
  );
}

async function append(job: string, { events, batch }: Shape): Promise<void> {
  for (let seq = 0; seq < events; seq += batch) {
    const size = Math.min(batch, events - seq);
    const result = await store.writer.append({
      job,
      attempt: 1,
      epoch: 'e',
      firstProducerSeq: seq + 1,
      expectedTop: seq + 1,
      events: Array.from({ length: size }, () => ({ type: 'step', data: DATA })),
    });
    if (result.kind !== 'stored') throw new Error(result.kind);
  }
}

/** The same events as the naive hub wants them: one message each, pipelined as deep as our batches. */
async function publish(job: string, { events, batch }: Shape): Promise<void> {
  for (let seq = 0; seq < events; seq += batch) {
    const size = Math.min(batch, events - seq);
    await Promise.all(
      Array.from({ length: size }, (_, index) =>
        redis.publish(
          `naive:${job}`,
          `{"job":"${job}","seq":${seq + index + 2},"attempt":1,"type":"step","at":${Date.now()},"data":${DATA}}`,
        ),
      ),
    );
  }
}

async function measure(
  shape: Shape,
  port: number,
  path: string,
  write: (job: string, shape: Shape) => Promise<void>,
): Promise<number> {
  const jobs = await createJobs(shape.jobs);
  const args = [port, path, VIEWERS, JSON.stringify(jobs), shape.events].map(String);
  const load = startFile('viewers-load.ts', args);
  await once(load, 'message');
  const startedAt = performance.now();
  const whole = once(load, 'message');
  await Promise.all(jobs.map((job) => write(job, shape)));
  await whole;
  const seconds = (performance.now() - startedAt) / 1_000;
  load.kill();
  await once(load, 'exit');
  return (VIEWERS * shape.events) / seconds;
}

console.log(`fan-out: ${describeMachine()}; ${VIEWERS} viewers; deliveries per second`);
// Third: events for the naive hub, which would take minutes for as many as ours.
const shapes: [string, Shape, number][] = [
  ['1 job × all viewers', { jobs: 1, events: 4_000, batch: 50 }, 400],
  ['1 job per viewer', { jobs: VIEWERS, events: 200, batch: 5 }, 200],
];
for (const [name, shape, naiveEvents] of shapes) {
  const rounds = { hub: [] as number[], naive: [] as number[] };
  for (let round = 0; round < 3; round++) {
    const naiveShape = { ...shape, events: naiveEvents };
    rounds.naive.push(await measure(naiveShape, naivePort, '/', publish));
    rounds.hub.push(await measure(shape, Number(new URL(gateway.url).port), '/v1/ws', append));
  }
  const median = (values: number[]): number => [...values].sort((a, b) => a - b)[1] ?? NaN;
  const [ours, theirs] = [median(rounds.hub), median(rounds.naive)];
  console.log(
    `${name}: gateway ${Math.round(ours)}, naive ${Math.round(theirs)}, ratio ${(ours / theirs).toFixed(1)}`,
  );
}
naive.kill();
redis.disconnect();
await store.close();
await stopAllApps();
