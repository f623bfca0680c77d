// How long from the end of the last holder, or from DELETE, until nothing runs any more?
//
// Method: one worker, one gateway, one API, each a process. A `pace` job emits a step every 50 ms. The
// time ends with `finishedAt` of the job, by the clock of Redis on the same machine: `cancelled` is
// written when the host is idle again.
import { WsClient, call, type JobView } from '../test/support/clients.js';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { waitFor } from '../test/support/wait.js';
import { describeMachine, summary } from './statistics.js';

const EVERY_MS = 50;
const GRACE_MS = 100;
const TRIALS = Number(process.argv[2] ?? 50);

const env = { REDIS_URL: process.env['REDIS_URL'] ?? '', KEY_PREFIX: uniquePrefix() };
const [api, gateway] = await Promise.all([
  startAppProcess('api', env),
  startAppProcess('gateway', env),
  startAppProcess('worker', env),
]);

const input = { steps: 10_000, everyMs: EVERY_MS };

async function running(ws: WsClient, options: object): Promise<string> {
  const job = await ws.submit('pace', input, options);
  await ws.record(job).until((events) => events.length >= 4);
  return job;
}

async function finishedAt(job: string): Promise<number> {
  let view: JobView | undefined;
  await waitFor(async () => {
    view = (await call<JobView>(`${api.url}/v1/jobs/${job}`)).body;
    return view['finishedAt'] !== null;
  }, 30_000);
  return Number(view?.['finishedAt']);
}

async function closed(graceMs: number): Promise<number> {
  const ws = await WsClient.connect(gateway.url);
  const job = await running(ws, { onDisconnect: { policy: 'cancel', graceMs } });
  const leftAt = Date.now();
  ws.ws.terminate();
  return (await finishedAt(job)) - leftAt;
}

async function deleted(): Promise<number> {
  const ws = await WsClient.connect(gateway.url);
  const job = await running(ws, {});
  const at = Date.now();
  await call(`${api.url}/v1/jobs/${job}`, { method: 'DELETE' });
  const ms = (await finishedAt(job)) - at;
  await ws.close();
  return ms;
}

async function killed(): Promise<number> {
  const doomed = await startAppProcess('gateway', env);
  const ws = await WsClient.connect(doomed.url);
  const job = await running(ws, { onDisconnect: { policy: 'cancel', graceMs: GRACE_MS } });
  const at = Date.now();
  await doomed.kill('SIGKILL');
  return (await finishedAt(job)) - at;
}

async function trials(count: number, trial: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let index = 0; index < count; index++) results.push(await trial());
  return results;
}

console.log(`cancel: ${describeMachine()}; step ${EVERY_MS} ms, grace ${GRACE_MS} ms`);
console.log(`DELETE → stopped:                ${summary(await trials(TRIALS, deleted), 'ms')}`);
console.log(
  `holder gone (grace 0) → stopped: ${summary(await trials(TRIALS, () => closed(0)), 'ms')}`,
);
console.log(
  `holder gone − grace → stopped:   ${summary(
    (await trials(TRIALS, () => closed(GRACE_MS))).map((ms) => ms - GRACE_MS),
    'ms',
  )}`,
);
console.log(
  `gateway killed → stopped:        ${summary(await trials(Math.min(10, TRIALS), killed), 'ms')}`,
);
await stopAllApps();
