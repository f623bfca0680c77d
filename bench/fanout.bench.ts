// How many deliveries a second does one gateway make? One job with 1,000 viewers, and 1,000 jobs with
// one viewer each, against what one writes first (bench/naive-hub.ts), in one run.
//
// Method: the gateway has core 0; Redis, the writer and the viewers share the others. The writer appends
// through the real script, as a worker does: batches, one in flight per job. The time runs from the
// first append until the last viewer has the last event. Deliveries per second of CPU time of the gateway
// say what one costs also where Redis is what is slow: with a job per viewer the scripts are. So there the
// last line leaves them out, and publishes what they publish. Read the ratios: the machine is noisy.
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { completeOptions, jobOptionsSchema } from '@stepcast/protocol';
import { RedisStore } from '@stepcast/redis';
import { Redis } from 'ioredis';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { cpuSeconds } from '../test/support/leaks.js';
import { describeMachine } from './statistics.js';

const VIEWERS = Number(process.argv[2] ?? 1_000);
const ROUNDS = 3;
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
// Those who only publish are not slowed down by those who receive: let Redis keep what that takes.
await redis.config('SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
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
      await store.writer.claim(id, 'bench', { token: 'bench' });
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
      token: 'bench',
      epoch: 'e',
      firstProducerSeq: seq + 1,
      expectedTop: seq + 1,
      events: Array.from({ length: size }, () => ({ type: 'step', data: DATA })),
    });
    if (result.kind !== 'stored') throw new Error(result.kind);
  }
}

/** A batch in JSON; seq 1 is `queued`. */
function jsonOf(job: string, seq: number, size: number): string[] {
  return Array.from(
    { length: size },
    (_, index) =>
      `{"job":"${job}","seq":${seq + index + 2},"attempt":1,"type":"step","at":${Date.now()},"data":${DATA}}`,
  );
}

/** The same events as the naive hub wants them: one message each, pipelined as deep as our batches. */
async function publishEach(job: string, { events, batch }: Shape): Promise<void> {
  for (let seq = 0; seq < events; seq += batch) {
    const lines = jsonOf(job, seq, Math.min(batch, events - seq));
    await Promise.all(lines.map((line) => redis.publish(`naive:${job}`, line)));
  }
}

/** As the scripts publish a batch (lua/includes/events.lua), without storing it. */
async function publishBatches(job: string, { events, batch }: Shape): Promise<void> {
  for (let seq = 0; seq < events; seq += batch) {
    const lines = jsonOf(job, seq, Math.min(batch, events - seq));
    const types = lines.map(() => 'step').join(',');
    const message = [`1 e ${seq + 2} ${types}`, ...lines].join('\n');
    await redis.publish(`${prefix}:{${job}}:feed`, message);
  }
}

interface Server {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly write: (job: string, shape: Shape) => Promise<void>;
}

/** Deliveries per second. */
interface Rate {
  readonly wall: number;
  /** … of CPU time of the server. */
  readonly cpu: number;
}

async function measure(shape: Shape, { pid, port, path, write }: Server): Promise<Rate> {
  const jobs = await createJobs(shape.jobs);
  const args = [port, path, VIEWERS, JSON.stringify(jobs), shape.events].map(String);
  const load = startFile('viewers-load.ts', args);
  await once(load, 'message');
  const cpuBefore = await cpuSeconds(pid);
  const startedAt = performance.now();
  const whole = once(load, 'message');
  await Promise.all(jobs.map((job) => write(job, shape)));
  await whole;
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = (await cpuSeconds(pid)) - cpuBefore;
  load.kill();
  await once(load, 'exit');
  const deliveries = VIEWERS * shape.events;
  return { wall: deliveries / seconds, cpu: deliveries / cpu };
}

console.log(`fan-out: ${describeMachine()}; ${VIEWERS} viewers; deliveries per second`);
const server = { pid: gateway.pid, port: Number(new URL(gateway.url).port), path: '/v1/ws' };
const foot: Server = { pid: naive.pid ?? 0, port: naivePort, path: '/', write: publishEach };
const each = { jobs: VIEWERS, events: 200, batch: 5 };
// Third: events for the naive hub, which would take minutes for as many as ours.
const shapes: [string, Shape, number, Server['write']][] = [
  ['1 job × all viewers', { jobs: 1, events: 4_000, batch: 50 }, 400, append],
  ['1 job per viewer', each, 200, append],
  ['1 job per viewer, nothing stored', { ...each, events: 300 }, 300, publishBatches],
];
const medianOf = (rates: readonly Rate[], key: keyof Rate): number =>
  rates.map((rate) => rate[key]).sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? NaN;
for (const [name, shape, naiveEvents, write] of shapes) {
  const rounds = { hub: [] as Rate[], naive: [] as Rate[] };
  for (let round = 0; round < ROUNDS; round++) {
    rounds.naive.push(await measure({ ...shape, events: naiveEvents }, foot));
    rounds.hub.push(await measure(shape, { ...server, write }));
  }
  console.log(name);
  for (const key of ['wall', 'cpu'] as const) {
    const [ours, theirs] = [medianOf(rounds.hub, key), medianOf(rounds.naive, key)];
    const unit = key === 'wall' ? 'a second' : 'a second of CPU';
    console.log(
      `  ${unit}: gateway ${Math.round(ours)}, naive ${Math.round(theirs)}, ratio ${(ours / theirs).toFixed(1)}`,
    );
  }
}
naive.kill();
redis.disconnect();
await store.close();
await stopAllApps();
