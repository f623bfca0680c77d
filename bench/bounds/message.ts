// Redis drops one message of pub/sub: how long until the viewer has its event nevertheless?
//
// A proxy between the gateway and Redis drops it. When more follows, the next message shows the gap; when
// it was the last, only the audit does. For the second, events are appended through the real script to
// many jobs at random moments, because the audit looks at all jobs at the same time.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { completeOptions, jobOptionsSchema } from '@stepcast/protocol';
import { RedisStore } from '@stepcast/redis';

import { startCluster, type Cluster } from '../../test/support/cluster.js';
import { waitFor } from '../../test/support/wait.js';
import type { Watcher } from '../../test/support/watcher.js';
import { assertWhole, submitEndless, timeUntil, watchers, type Bound } from './bound.js';

const AUDIT_MS = 3_000;

export const gapBound: Bound = {
  name: 'gap',
  what: 'one message dropped, the next follows after 20 ms → the viewer has its event',
  promised: 'at the next message',
  measure: measureGaps,
};

export const auditBound: Bound = {
  name: 'audit',
  what: 'the last message dropped → the viewer has its event',
  promised: `${AUDIT_MS} ms`,
  measure: measureAudits,
};

async function measureGaps(trials: number): Promise<number[]> {
  const cluster = await startCluster({
    gateways: 1,
    through: ['gateway'],
    env: { ORT_THREADS: '1' },
  });
  const viewers = watchers(await submitEndless(cluster.api), cluster, 1);
  const [viewer] = viewers as [Watcher];
  const times: number[] = [];
  while (times.length < trials) {
    const { length } = viewer.seen.marks;
    await waitFor(() => viewer.seen.marks.length > length + 5);
    const dropped = await dropNext(cluster);
    times.push(await timeUntil(() => viewer.seen.seq >= dropped.seq));
  }
  assertWhole(viewers);
  viewer.stop();
  await cluster.stop();
  return times;
}

/** First line of a message of a job's feed: version, epoch, seq of its first event, types. */
const FEED = /:feed\r\n\$\d+\r\n1 \S+ (\d+) /;

/** Resolves at the moment at which the message would have arrived. */
function dropNext({ proxies }: Cluster): Promise<{ seq: number }> {
  return new Promise((resolve) => {
    proxies.gateway?.judgeReplies((frame) => {
      const head = FEED.exec(frame.toString('latin1', 0, 300));
      if (head === null) return 'pass';
      proxies.gateway?.judgeReplies(undefined);
      resolve({ seq: Number(head[1]) });
      return 'drop';
    });
  });
}

async function measureAudits(trials: number): Promise<number[]> {
  // No API: it would end jobs that are in no queue.
  const cluster = await startCluster({ apis: 0, gateways: 1, workers: 0, through: ['gateway'] });
  const { redis, prefix } = cluster;
  const store = new RedisStore({ url: redis.url, keyPrefix: prefix, name: 'bench' });
  await store.open();
  const jobs = Array.from({ length: trials }, () => randomUUID());
  for (const job of jobs) await begin(store, job);
  const viewers = jobs.flatMap((job) => watchers(job, cluster, 1));
  await waitFor(() => viewers.every(({ seen }) => seen.position !== undefined), 30_000);
  cluster.proxies.gateway?.judgeReplies((frame) =>
    FEED.test(frame.toString('latin1', 0, 300)) ? 'drop' : 'pass',
  );
  const times = await Promise.all(
    viewers.map(async ({ seen }, index) => {
      await delay(Math.random() * 2 * AUDIT_MS);
      await appendOne(store, jobs[index] ?? '');
      return timeUntil(() => seen.types.includes('step'));
    }),
  );
  assertWhole(viewers);
  for (const viewer of viewers) viewer.stop();
  await store.close();
  await cluster.stop();
  return times;
}

async function begin(store: RedisStore, id: string): Promise<void> {
  const options = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });
  await store.records.create({ id, epoch: 'e', model: 'pace', input: '{}', options });
  await store.writer.claim(id, 'bench', { token: 'bench' });
}

async function appendOne(store: RedisStore, job: string): Promise<void> {
  const events = [{ type: 'step', data: '{"step":1,"of":2}' }];
  const place = {
    job,
    attempt: 1,
    token: 'bench',
    epoch: 'e',
    firstProducerSeq: 1,
    expectedTop: 1,
  };
  const result = await store.writer.append({ ...place, events });
  if (result.kind !== 'stored') throw new Error(result.kind);
}
