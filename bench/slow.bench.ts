// What does a viewer cost that does not read? 50 healthy viewers of a job with 5,000 events a second
// measure how late each event is, with nobody and with two (WebSocket, SSE) who have stopped reading; then
// 20 stop at once and the memory of the gateway is looked at; then they read again.
//
// Method: the gateway has core 0; Redis, the writer and the viewers share the others. Events of about 200
// bytes are appended by the scripts that workers use (test/support/event-source.ts: `pace` itself is not
// fast enough), and every tenth carries the time before it was appended; a delay is from there to the
// viewer's socket. With and without take turns in one run, each with a job of its own that begins with
// more than the buffers of a connection hold. The delays of all rounds count together, because the p99 of one
// round is a matter of a few collections of garbage: the spread of the rounds is told beside it. Memory is
// that of a second gateway, each time behind a full collection of its garbage. Wants a quiet machine: on a
// busy one delays, and the CPU time too, tell what else runs.
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { cpuSeconds, residentBytes } from '../test/support/leaks.js';
import { sampleFold } from '../test/support/sample-folds.js';
import { Watcher } from '../test/support/watcher.js';
import { describeMachine } from './statistics.js';

const ROUNDS = Number(process.argv[2] ?? 10);
const PER_SECOND = 5_000;
const SECONDS = 5;
/** About 12 MB: more than the kernel keeps for a connection that is not read. */
const WARM_UP_EVENTS = 60_000;
const HEALTHY = 50;
const STALLED = 20;
const MODEL = 'sketch';

const url = process.env['REDIS_URL'] ?? '';
const prefix = uniquePrefix();
const env = {
  ...{ REDIS_URL: url, KEY_PREFIX: prefix },
  ...{ SLOW_VIEWER_MS: '600000', HEARTBEAT_MS: '120000' },
};
let gateway = await startAppProcess('gateway', env);
const redis = new Redis(url);
pin(gateway.pid, '0');
pin(process.pid, '1-');

function pin(pid: number, cores: string): void {
  const last = spawnSync('nproc').stdout.toString().trim();
  const list = cores === '0' || last === '1' ? '0' : `1-${Number(last) - 1}`;
  spawnSync('taskset', ['-acp', list, String(pid)]);
}

function start(name: string, args: readonly (string | number)[]): ChildProcess {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = fork(file, args.map(String), { execArgv: ['--import', 'tsx'] });
  if (child.pid !== undefined) pin(child.pid, '1-');
  return child;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
}

interface Stage {
  readonly source: ChildProcess;
  readonly watchers: readonly Watcher[];
}

/** A job, and viewers of it that will stop reading: WebSocket and SSE in turn. */
async function setStage(viewers: number): Promise<Stage & { readonly job: string }> {
  const source = start('slow-source.ts', [url, prefix, MODEL]);
  const [job] = (await once(source, 'message')) as [string];
  const foldOf = sampleFold(MODEL);
  const watchers = Array.from({ length: viewers }, (_, index) => {
    const transport = index % 2 === 0 ? 'ws' : 'sse';
    return new Watcher({
      ...{ job, transport, foldOf },
      gateways: [gateway.url],
      mayBeFolded: true,
    });
  });
  await Promise.all(watchers.map((watcher) => watcher.until(() => watcher.seen.seq >= 2)));
  return { source, job, watchers };
}

async function append({ source }: Stage, count: number, perSecond = PER_SECOND): Promise<void> {
  source.send({ perSecond, count });
  await once(source, 'message');
}

/** Those who had stopped read again; true when all come to the right state. */
async function catchUp({ source, watchers }: Stage): Promise<{ isRight: boolean; ms: number }> {
  source.send('end');
  const [state] = (await once(source, 'message')) as [string];
  const startedAt = performance.now();
  for (const watcher of watchers) watcher.pause(false);
  const seen = await Promise.all(watchers.map((watcher) => watcher.ended()));
  const ms = performance.now() - startedAt;
  const isRight = seen.every(
    ({ faults, state: { events } }) => faults.length === 0 && JSON.stringify(events) === state,
  );
  return { isRight, ms };
}

interface Measured {
  /** Of the healthy viewers, in ms. */
  readonly delays: readonly number[];
  /** Milliseconds of CPU that the gateway spent on 5,000 events. */
  readonly cpuMs: number;
  readonly note: string;
}

async function measure(stalled: number): Promise<Measured> {
  const stage = await setStage(stalled);
  const readers = start('slow-readers.ts', [new URL(gateway.url).port, HEALTHY, stage.job]);
  await once(readers, 'message');
  for (const watcher of stage.watchers) watcher.pause();
  await append(stage, WARM_UP_EVENTS, 15_000);
  const isStalled = async () => (await metric('stepcast_unsent_bytes')) >= stalled * 65_536;
  while (!(await isStalled())) await append(stage, PER_SECOND);
  // The healthy ones take in what the first seconds were too fast for.
  for (let calm = 0, second = 0; calm < 2 && second < 10; second++) {
    calm = median(await delaysDuring(readers, () => append(stage, PER_SECOND))) < 50 ? calm + 1 : 0;
  }
  const startedAt = performance.now();
  const cpuBefore = await cpuSeconds(gateway.pid);
  const delays = await delaysDuring(readers, () => append(stage, PER_SECOND * SECONDS));
  const rate = (PER_SECOND * SECONDS) / ((performance.now() - startedAt) / 1_000);
  const cpuMs = (((await cpuSeconds(gateway.pid)) - cpuBefore) / SECONDS) * 1_000;
  readers.kill();
  const { isRight, ms } = await catchUp(stage);
  await redis.del(...(await redis.keys(`${prefix}:{${stage.job}}:*`)));
  const caught = stalled > 0 ? `, then ${isRight ? 'right' : 'WRONG'} in ${ms.toFixed(0)} ms` : '';
  const note = `${Math.round(rate)} events/s, n = ${delays.length}${caught}`;
  return { delays, cpuMs, note };
}

async function delaysDuring(readers: ChildProcess, work: () => Promise<void>): Promise<number[]> {
  readers.send('measure');
  await work();
  readers.send('report');
  const [delays] = (await once(readers, 'message')) as [number[]];
  return delays;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

console.log(
  `slow viewers: ${describeMachine()}; ${HEALTHY} healthy viewers, ${PER_SECOND} events/s`,
);
const results = { 0: [] as Measured[], 2: [] as Measured[] };
for (let round = 0; round < ROUNDS; round++) {
  // Each begins a round as often as the other.
  for (const stalled of round % 2 === 0 ? ([0, 2] as const) : ([2, 0] as const)) {
    const measured = await measure(stalled);
    results[stalled].push(measured);
    const { delays, cpuMs, note } = measured;
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(delays, share).toFixed(2));
    console.log(
      `${stalled} stalled: p50 ${p50} ms, p99 ${p99} ms, gateway CPU ${cpuMs.toFixed(0)} ms/s (${note})`,
    );
  }
}
for (const share of [0.5, 0.99]) {
  const ofRound = ({ delays }: Measured): number => percentile(delays, share);
  const ofAll = (rounds: readonly Measured[]): number =>
    percentile(
      rounds.flatMap(({ delays }) => delays),
      share,
    );
  compare(`p${share * 100} of healthy viewers`, ofAll, ofRound);
}
compare(
  'CPU per second',
  (rounds) => median(rounds.map(({ cpuMs }) => cpuMs)),
  ({ cpuMs }) => cpuMs,
);

/** One figure over all rounds with and without stalled viewers, and how far apart the rounds are. */
function compare(
  name: string,
  ofAll: (rounds: readonly Measured[]) => number,
  ofRound: (round: Measured) => number,
): void {
  const [without, stalled] = [results[0], results[2]].map((rounds) => {
    const each = rounds.map(ofRound);
    const spread = `${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)}`;
    return { value: ofAll(rounds), spread };
  }) as [{ value: number; spread: string }, { value: number; spread: string }];
  const change = (stalled.value / without.value - 1) * 100;
  console.log(
    `${name}, ${ROUNDS} rounds: ${without.value.toFixed(2)} ms without (${without.spread}), ` +
      `${stalled.value.toFixed(2)} ms with 2 stalled (${stalled.spread}): ` +
      `${change >= 0 ? '+' : ''}${change.toFixed(1)} %`,
  );
}

/** Collects the garbage of a gateway that was started with an inspector. */
async function collectGarbage(): Promise<void> {
  const address = gateway.log.map((line) => /ws:\/\/\S+/.exec(line)?.[0]).find(Boolean) ?? '';
  const inspector = new WebSocket(address);
  await once(inspector, 'open');
  inspector.send('{"id":1,"method":"HeapProfiler.collectGarbage"}');
  await once(inspector, 'message');
  inspector.close();
}

/** What is in use when all garbage is gone. */
async function memory(): Promise<{ heap: number; resident: number }> {
  await collectGarbage();
  const heap = await metric('nodejs_heap_size_used_bytes');
  const buffers = await metric('nodejs_external_memory_bytes');
  return { heap: heap + buffers, resident: await residentBytes(gateway.pid) };
}

await gateway.kill();
gateway = await startAppProcess('gateway', { ...env, NODE_OPTIONS: '--inspect=127.0.0.1:0' });
const stage = await setStage(STALLED);
await append(stage, WARM_UP_EVENTS, 15_000);
const before = await memory();
for (const watcher of stage.watchers) watcher.pause();
await append(stage, WARM_UP_EVENTS * 2, 15_000);
const unsent = await metric('stepcast_unsent_bytes');
const after = await memory();
const { isRight, ms } = await catchUp(stage);
const kib = (bytes: number): string => (bytes / STALLED / 1_024).toFixed(0);
console.log(
  `${STALLED} stalled at once: ${kib(unsent)} KiB unsent each; heap and buffers ${kib(after.heap - before.heap)} ` +
    `KiB, resident ${kib(after.resident - before.resident)} KiB each above the same viewers reading; ` +
    `then ${isRight ? 'all right' : 'WRONG'} in ${ms.toFixed(0)} ms`,
);
redis.disconnect();
await stopAllApps();
