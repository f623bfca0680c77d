// A gateway is killed: how long until its viewers are whole again on the other?
//
// Twenty viewers, half over WebSocket and half over SSE, follow a job with a step each 20 ms. A viewer is
// whole when it has an event behind the newest that anybody had at the kill, without a hole. The time is
// that of the last of them, and has in it the 100 ms that these clients wait before they come back.
import { startCluster } from '../../test/support/cluster.js';
import { waitFor } from '../../test/support/wait.js';
import { assertWhole, submitEndless, timeUntil, watchers, type Bound } from './bound.js';

const VIEWERS = 20;

export const gatewayBound: Bound = {
  name: 'gateway',
  what: `gateway killed (-9) → all of its ${VIEWERS} viewers whole on the other`,
  promised: 'at once, after the client comes back',
  measure,
};

async function measure(trials: number): Promise<number[]> {
  const cluster = await startCluster({ gateways: 1, workers: 1, env: { ORT_THREADS: '1' } });
  const job = await submitEndless(cluster.api);
  const viewers = watchers(job, cluster, VIEWERS);
  const times: number[] = [];
  while (times.length < trials) {
    await waitFor(() => viewers.every(({ seen }) => seen.marks.length > 5));
    await cluster.add('gateway');
    const doomed = cluster.gateways.shift();
    await waitFor(() => viewers.every(({ connects }) => connects === times.length + 1));
    const newest = Math.max(...viewers.map(({ seen }) => seen.seq));
    const killed = doomed?.kill('SIGKILL');
    times.push(await timeUntil(() => viewers.every(({ seen }) => seen.seq > newest)));
    await killed;
    // The newest known seq lags the kill by less than a step, so somebody may have one event too many
    // before the end: only a viewer that has come back counts.
    await waitFor(() => viewers.every(({ connects }) => connects === times.length + 1));
  }
  assertWhole(viewers);
  for (const viewer of viewers) viewer.stop();
  await cluster.stop();
  return times;
}
