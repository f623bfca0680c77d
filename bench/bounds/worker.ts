// A worker is killed: how long until a viewer sees the next attempt?
//
// Five jobs run on the only worker; a second worker is started, the first is killed, and each job's viewer
// waits for `attempt`. So five trials share the moment of the kill, but not the age of their locks.
import { startCluster } from '../../test/support/cluster.js';
import { call } from '../../test/support/clients.js';
import { waitFor } from '../../test/support/wait.js';
import type { Watcher } from '../../test/support/watcher.js';
import { assertWhole, submitEndless, timeUntil, watchers, type Bound } from './bound.js';

const JOBS = 5;

export const workerBound: Bound = {
  name: 'worker',
  what: 'worker killed (-9) → first event of the next attempt at the viewer',
  promised: 'lock + stalled check',
  measure,
};

async function measure(trials: number): Promise<number[]> {
  const env = { WORKER_SLOTS: String(JOBS), ORT_THREADS: '1' };
  const cluster = await startCluster({ gateways: 1, workers: 1, env });
  const times: number[] = [];
  while (times.length < trials) {
    const jobs = await Promise.all(Array.from({ length: JOBS }, () => submitEndless(cluster.api)));
    const viewers = jobs.flatMap((job) => watchers(job, cluster, 1));
    await waitFor(() => viewers.every(({ seen }) => seen.types.includes('step')), 30_000);
    await cluster.add('worker');
    await cluster.workers.shift()?.kill('SIGKILL');
    times.push(...(await Promise.all(viewers.map(nextAttempt))));

    assertWhole(viewers);
    for (const viewer of viewers) viewer.stop();
    for (const job of jobs) await call(`${cluster.api}/v1/jobs/${job}`, { method: 'DELETE' });
  }
  await cluster.stop();
  return times;
}

function nextAttempt({ seen }: Watcher): Promise<number> {
  return timeUntil(() => seen.types.includes('attempt'));
}
