import { describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import { submit } from '../support/clients.js';
import { startCluster } from '../support/cluster.js';
import { baselineOf, expectNothingLeft } from '../support/nothing-left.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { Watcher, stopAllWatchers } from '../support/watcher.js';

describe('a hub that nothing happens to', () => {
  it('shows every viewer the same whole job of every model', async () => {
    const cluster = await startCluster({ workers: 1 });
    const baseline = await baselineOf(cluster);
    const inputs = {
      pace: { steps: 30, everyMs: 5 },
      sketch: { prompt: 'a red circle' },
      writer: {},
    };
    for (const [model, input] of Object.entries(inputs)) {
      const { id: job } = await submit(cluster.api, model, input);
      const foldOf = sampleFold(model);
      const gateways = cluster.gatewayUrls;
      const watchers = (['ws', 'sse'] as const).flatMap((transport) =>
        [0, 1].map((first) => new Watcher({ job, gateways, transport, foldOf }, first)),
      );
      for (const watcher of watchers) {
        const seen = await watcher.ended();
        expect(seen.faults).toEqual([]);
        expect(seen.marks).toEqual(watchers[0]?.seen.marks);
        expect(seen.state.status).toBe('completed');
        expect(stateFaults(model, input, seen.state)).toEqual([]);
      }
    }
    stopAllWatchers();
    await expectNothingLeft(cluster, baseline);
    await cluster.stop();
  }, 60_000);
});
