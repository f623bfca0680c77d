import { beforeAll, describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import { submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { Watcher, stopAllWatchers } from '../support/watcher.js';

const MAX_EVENTS = 1_000;
/** The largest batch: a log is trimmed behind the batch that went over the bound. */
const BATCH_EVENTS = 256;
const STEPS = 24_000;

let cluster: Cluster;
let baseline: Baseline;

beforeAll(async () => {
  cluster = await startCluster({ env: { LOG_MAX_EVENTS: String(MAX_EVENTS) } });
  baseline = await baselineOf(cluster);
}, 60_000);

describe('the log of a long job', () => {
  it('stays within its bound while 24,000 events pass, and late viewers get the right state', async () => {
    const input = { steps: STEPS, everyMs: 0 };
    const { id: job } = await submit(cluster.api, 'pace', input);
    const gateways = cluster.gatewayUrls;
    const watch = (transport: 'ws' | 'sse') =>
      new Watcher({ job, gateways, transport, foldOf: sampleFold('pace'), hold: false });
    const early = watch('ws');

    let longest = 0;
    while (!early.isOver) {
      longest = Math.max(longest, await cluster.client.xlen(`${cluster.prefix}:{${job}}:log`));
    }
    const late = [watch('ws'), watch('sse')];

    expect(longest).toBeGreaterThan(MAX_EVENTS / 2);
    expect(longest).toBeLessThanOrEqual(MAX_EVENTS + BATCH_EVENTS);
    expect(early.seen.faults).toEqual([]);
    expect(early.seen.marks).toHaveLength(STEPS + 3);
    for (const watcher of late) {
      const seen = await watcher.ended();
      expect(seen.resets).toEqual(['trimmed']);
      expect(seen.faults).toEqual([]);
      expect(seen.state.status).toBe('completed');
      expect(stateFaults('pace', input, seen.state)).toEqual([]);
    }
    stopAllWatchers();
    await expectNothingLeft(cluster, baseline);
  }, 120_000);
});
