// A tab is closed (policy `cancel`, grace 0): how long until the model host is idle?
//
// `cancelled` is written when nothing of the job runs any more, so its `at`, by the clock of Redis on the
// same machine, is when the host was idle. Another viewer, which does not hold the job, reads it.
import { startCluster } from '../../test/support/cluster.js';
import { WsClient } from '../../test/support/clients.js';
import { sampleFold } from '../../test/support/sample-folds.js';
import { Watcher } from '../../test/support/watcher.js';
import { assertWhole, STEP_MS, type Bound } from './bound.js';

export const tabBound: Bound = {
  name: 'tab',
  what: 'tab closed (grace 0) → model host idle',
  promised: 'one step + 50 ms',
  measure,
};

async function measure(trials: number): Promise<number[]> {
  const cluster = await startCluster({ gateways: 1, workers: 1, env: { ORT_THREADS: '1' } });
  const gateways = cluster.gatewayUrls;
  const times: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const tab = await WsClient.connect(gateways[0] ?? '');
    const options = { onDisconnect: { policy: 'cancel', graceMs: 0 } };
    const job = await tab.submit('pace', { steps: 10_000, everyMs: STEP_MS }, options);
    const foldOf = sampleFold('pace');
    const other = new Watcher({ job, gateways, foldOf, transport: 'ws', hold: false });
    await tab.record(job).until((events) => events.length >= 4);
    const closedAt = Date.now();
    tab.ws.terminate();
    const { state } = await other.ended();
    times.push((state.end?.at ?? NaN) - closedAt);
    assertWhole([other]);
  }
  await cluster.stop();
  return times;
}
