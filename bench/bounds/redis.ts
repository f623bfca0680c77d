// Redis is killed and comes back with its data (AOF `everysec`): how long until everybody is served again?
//
// From the moment at which Redis answers again until the last of twenty viewers, on two gateways, has its
// first event. The time without Redis is not in it.
import { persistentArgs } from '../../scripts/lib/redis-server.mjs';
import { startCluster } from '../../test/support/cluster.js';
import { waitFor } from '../../test/support/wait.js';
import type { Watcher } from '../../test/support/watcher.js';
import { assertWhole, submitEndless, timeUntil, watchers, type Bound } from './bound.js';

const VIEWERS = 20;

export const redisBound: Bound = {
  name: 'redis',
  what: `Redis killed (-9), from its first answer → next event at all ${VIEWERS} viewers`,
  promised: 'the longest pause between two tries to connect',
  measure,
};

async function measure(trials: number): Promise<number[]> {
  const cluster = await startCluster({ redisArgs: persistentArgs, env: { ORT_THREADS: '1' } });
  const job = await submitEndless(cluster.api);
  const viewers = watchers(job, cluster, VIEWERS);
  const times: number[] = [];
  while (times.length < trials) {
    await waitFor(gained(viewers, 5), 30_000);
    await cluster.redis.kill();
    await cluster.redis.restart();
    times.push(await timeUntil(gained(viewers, 1)));
  }
  assertWhole(viewers);
  for (const viewer of viewers) viewer.stop();
  await cluster.stop();
  return times;
}

/** Whether each viewer has so many events more than now. */
function gained(viewers: readonly Watcher[], count: number): () => boolean {
  const before = new Map(viewers.map(({ seen }) => [seen, seen.marks.length]));
  return () => [...before].every(([seen, had]) => seen.marks.length >= had + count);
}
