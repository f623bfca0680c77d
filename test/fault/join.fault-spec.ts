import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisStore } from '@stepcast/redis';

import '../support/cleanup.js';
import { submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { openCrowd } from '../support/crowd.js';
import { EventSource, closeAllStores, openStore } from '../support/event-source.js';
import { descriptors, subscribedFeeds } from '../support/leaks.js';
import { startMonitor } from '../support/monitor.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { feedMessage, isReadReply, isReply } from '../support/redis-replies.js';
import { sampleFold } from '../support/sample-folds.js';
import { seeded } from '../support/seed.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import {
  allEnded,
  cancel,
  occupy,
  viewerFaults,
  watch,
  watchEverywhere,
  type SubmittedJob,
} from '../support/viewers.js';
import { waitFor } from '../support/wait.js';
import { stopAllWatchers, type Watcher } from '../support/watcher.js';

/** Until it is cancelled. */
const ENDLESS = { steps: 100_000, everyMs: 10 };

let cluster: Cluster;
let baseline: Baseline;
let proxy: TcpProxy;

beforeAll(async () => {
  cluster = await startCluster({ through: ['gateway'], env: { LOG_MAX_EVENTS: '100000' } });
  proxy = cluster.proxies.gateway!;
  baseline = await baselineOf(cluster);
}, 60_000);

afterEach(async () => {
  proxy.judgeReplies(undefined);
  stopAllWatchers();
  await expectNothingLeft(cluster, baseline);
}, 60_000);

const metaOf = (job: string) => `${cluster.prefix}:{${job}}:meta`;
const logOf = (job: string) => `${cluster.prefix}:{${job}}:log`;

async function start(input: object): Promise<SubmittedJob> {
  const { id } = await submit(cluster.api, 'pace', input);
  return { id, model: 'pace', input };
}

/** Waits until the log holds `seq`; where it stands then. */
async function reached(job: string, seq: number): Promise<{ epoch: string; top: number }> {
  for (;;) {
    const [epoch, top] = await cluster.client.hmget(metaOf(job), 'epoch', 'top');
    if (Number(top) >= seq) return { epoch: epoch ?? '', top: Number(top) };
  }
}

const haveSeen = (watchers: readonly Watcher[], seq: number) =>
  waitFor(() => watchers.every(({ seen }) => seen.seq >= seq), 20_000);

describe('joining a job that appends 5,000 events a second', () => {
  const PER_SECOND = 5_000;
  /** What also a busy machine comes to in half of the rounds, with all that this test does besides. */
  const MIN_PER_SECOND = 2_000;
  const STEPS = 6_000;

  let hub: Cluster;
  let store: RedisStore;
  let hubBaseline: Baseline;

  beforeAll(async () => {
    // No worker: events are written as a worker writes them, but at a known rate.
    hub = await startCluster({ apis: 0, workers: 0 });
    store = await openStore(hub.redis.url, hub.prefix);
    hubBaseline = await baselineOf(hub);
  }, 120_000);

  afterAll(async () => {
    await closeAllStores();
    await expectNothingLeft(hub, hubBaseline).finally(() => hub.stop());
  }, 60_000);

  /** One job, four viewers that come at random moments of it; what they saw wrong. */
  async function playRound(round: number, random: () => number) {
    const source = await EventSource.create(store, 'pace', sampleFold('pace'));
    const begin = source.top;
    const moments = Array.from({ length: 4 }, () => begin + Math.floor(random() * STEPS));
    moments.sort((a, b) => a - b);
    const target = { id: source.job, model: 'pace', input: {} };
    const watchers: Watcher[] = [];
    let midway = 0;
    const joinsWhoIsDue = (): boolean => {
      for (; source.top >= (moments[watchers.length] ?? Infinity);) {
        if (source.top < begin + STEPS) midway++;
        const from = random() < 0.5 ? 'start' : `${source.epoch}.${source.top}`;
        const transport = (round + watchers.length) % 2 === 0 ? 'ws' : 'sse';
        watchers.push(watch(hub, target, { transport, from }, watchers.length >> 1));
      }
      return source.top >= begin + STEPS;
    };
    const startedAt = performance.now();
    await source.run(PER_SECOND, (n) => ({ type: 'step', data: { step: n + 1 } }), joinsWhoIsDue);
    const steps = source.top - begin;
    const perSecond = (1_000 * steps) / (performance.now() - startedAt);
    await source.end();
    await allEnded(watchers, 60_000);
    const faults = await viewerFaults(hub, { ...target, input: { steps } }, watchers);
    return { faults, perSecond, midway };
  }

  it('19. at any moment of 6,000 of them: contiguous, 60 times', async () => {
    const { seed, random } = seeded();
    const faults: string[] = [];
    const rates: number[] = [];
    let midway = 0;
    for (let round = 0; round < 15; round++) {
      const played = await playRound(round, random);
      midway += played.midway;
      faults.push(...played.faults);
      rates.push(played.perSecond);
    }

    expect({ seed, faults }).toEqual({ seed, faults: [] });
    expect(midway).toBeGreaterThan(30);
    expect(rates.toSorted((a, b) => a - b)[7]).toBeGreaterThan(MIN_PER_SECOND);
  }, 180_000);
});

describe('joining a job that appends', () => {
  it('20. with the confirmation of SUBSCRIBE 500 ms late: read only then, and gapless', async () => {
    const monitor = await startMonitor(cluster.redis.url);
    for (const fromTheStart of [true, false]) {
      const job = await start(ENDLESS);
      const { epoch, top } = await reached(job.id, 10);
      let late = 0;
      proxy.judgeReplies((frame) => {
        if (!isReply(frame, 'subscribe', job.id)) return 'pass';
        late++;
        return { delayMs: 500 };
      });

      const watchers = watchEverywhere(
        cluster,
        job,
        fromTheStart ? {} : { from: `${epoch}.${top}` },
      );
      await haveSeen(watchers, top + 100);
      await cancel(cluster, job);
      await allEnded(watchers);

      expect(await viewerFaults(cluster, job, watchers, 'cancelled')).toEqual([]);
      expect(late).toBe(cluster.gateways.length);
      const [subscribed] = monitor.subscribes(`${cluster.prefix}:{${job.id}}:feed`);
      const [read] = monitor.reads(metaOf(job.id));
      // Timers and the clock of Redis may disagree by a little.
      expect(read!.atMs - subscribed!.atMs).toBeGreaterThan(450);
    }
    monitor.stop();
  }, 60_000);

  it.each([
    ['record', ['meta']],
    ['events', ['log']],
    ['everything', ['meta', 'log', 'snapshot', 'holders']],
  ])('21. while its log loses its %s and begins a new epoch', async (_what, parts) => {
    const job = await start(ENDLESS);
    const { epoch, top } = await reached(job.id, 10);
    const lose = async (): Promise<void> => {
      await cluster.client.del(...parts.map((part) => `${cluster.prefix}:{${job.id}}:${part}`));
      await waitFor(async () => {
        const now = await cluster.client.hget(metaOf(job.id), 'epoch');
        return now !== null && now !== epoch;
      });
    };
    let held = 0;
    const bothHeld = new Promise<void>((resolve) => {
      proxy.judgeReplies((frame) => {
        // Reads of other jobs are none of it: those of an earlier test may still be under way.
        const isJoin = isReadReply(frame) && frame.includes(job.id);
        if (held === cluster.gateways.length || !isJoin) return 'pass';
        if (++held === cluster.gateways.length) resolve();
        return { until: changed };
      });
    });
    const changed = bothHeld.then(lose);

    const fresh = watchEverywhere(cluster, job);
    const resumed = watchEverywhere(cluster, job, { from: `${epoch}.${top}` });
    const all = [...fresh, ...resumed];
    await changed;
    await waitFor(() => all.every(({ seen }) => seen.resets.length > 0));
    await haveSeen(all, (await reached(job.id, 0)).top + 20);
    await cancel(cluster, job);
    await allEnded(all);

    expect(await viewerFaults(cluster, job, all, 'cancelled')).toEqual([]);
    for (const { seen } of fresh) expect(seen.resets).toHaveLength(1);
    for (const { seen } of resumed) expect(seen.resets).toEqual(['lost']);
  });
});

describe('joining in a crowd', () => {
  it('23. 2,000 viewers at once on each gateway: one SUBSCRIBE and one read per gateway', async () => {
    const before = await Promise.all(cluster.gateways.map(({ pid }) => descriptors(pid)));
    const crowds = await Promise.all(cluster.gatewayUrls.map((url) => openCrowd(url, 2_000)));
    const monitor = await startMonitor(cluster.redis.url);
    const release = await occupy(cluster);
    const job = await start({ steps: 12, everyMs: 50 });

    const viewers = crowds.flat().map((member) => member.join(job));
    await waitFor(() => viewers.every(({ seen }) => seen.seq === 1), 60_000);
    await release();
    await waitFor(() => viewers.every(({ seen }) => seen.hasEnded), 60_000);

    expect(await viewerFaults(cluster, job, viewers)).toEqual([]);
    const feed = `${cluster.prefix}:{${job.id}}:feed`;
    expect(monitor.subscribes(feed)).toHaveLength(cluster.gateways.length);
    // Audits read behind what they have.
    const joins = monitor.reads(metaOf(job.id)).filter(({ after }) => after === 0);
    expect(joins).toHaveLength(cluster.gateways.length);
    monitor.stop();
    await waitFor(async () => {
      const now = await Promise.all(cluster.gateways.map(({ pid }) => descriptors(pid)));
      return now.every((count, index) => count <= (before[index] ?? 0) + 5);
    });
    await waitFor(
      async () => !(await subscribedFeeds(cluster.client, cluster.prefix)).includes(feed),
    );
  }, 90_000);
});

describe('joining when the last viewer has left', () => {
  const LINGER_MS = 2_000;
  /** Milliseconds around the moment at which a channel without viewers is closed. */
  const offsets = [
    ...[-1_500, -1_000, -500, -200, -100],
    ...Array.from({ length: 70 }, (_, index) => index * 2 - 30),
  ];

  it.each([
    ['at once', 0],
    ['100 ms late', 100],
  ])(
    '24. in the 2 s in which its channel is kept and around their end, UNSUBSCRIBE confirmed %s',
    async (_when, delayMs) => {
      const release = await occupy(cluster);
      const input = { steps: 5, everyMs: 0 };
      const jobs = await Promise.all(offsets.map(() => start(input)));
      const leavers = jobs.map((job, index) =>
        watch(cluster, job, { transport: transportOf(index) }),
      );
      await waitFor(() => leavers.every(({ seen }) => seen.seq === 1));
      let isFirst = true;
      proxy.judgeReplies((frame) => {
        if (!isFirst || delayMs === 0 || !isReply(frame, 'unsubscribe')) return 'pass';
        isFirst = false;
        return { delayMs };
      });

      for (const leaver of leavers) leaver.stop();
      const watchers = await Promise.all(
        jobs.map(async (job, index) => {
          await delay(LINGER_MS + (offsets[index] ?? 0));
          return watch(cluster, job, { transport: transportOf(index) });
        }),
      );
      await waitFor(() => watchers.every(({ seen }) => seen.seq === 1));
      const feeds = jobs.map(({ id }) => `${cluster.prefix}:{${id}}:feed`);
      const heard = await cluster.client.pubsub('NUMSUB', ...feeds);
      await release();
      await allEnded(watchers);

      expect(heard.filter((value) => typeof value === 'number')).toEqual(jobs.map(() => 1));
      const faults = jobs.map((job, index) => viewerFaults(cluster, job, [watchers[index]!]));
      expect((await Promise.all(faults)).flat()).toEqual([]);
      for (const { connects } of watchers) expect(connects).toBe(1);
      await waitFor(
        async () => (await subscribedFeeds(cluster.client, cluster.prefix)).length === 0,
      );
    },
    60_000,
  );

  const transportOf = (index: number) => (index % 2 === 0 ? 'ws' : 'sse');
});

describe('joining a job whose log is trimmed', () => {
  beforeAll(async () => {
    await cluster.workers[0]!.kill('SIGKILL');
    await cluster.add('worker', { LOG_MAX_EVENTS: '100' });
  }, 60_000);

  it('22. between the snapshot that was read and the live events, one of which is lost: whole, thrice', async () => {
    const monitor = await startMonitor(cluster.redis.url);
    for (let round = 0; round < 3; round++) {
      const job = await start({ ...ENDLESS, everyMs: 1 });
      const { epoch } = await reached(job.id, 250);
      let held = 0;
      /** What the pages that were read may hold. */
      let known = Infinity;
      let lost = 0;
      const trimmedBehindAll = new Promise<void>((resolve, reject) => {
        const trim = async (): Promise<void> => {
          known = (await reached(job.id, 0)).top;
          await trimmedUpTo(job.id, known);
        };
        proxy.judgeReplies((frame) => {
          if (held < cluster.gateways.length && isReadReply(frame)) {
            if (++held === cluster.gateways.length) trim().then(resolve, reject);
            return { until: trimmedBehindAll };
          }
          const message = feedMessage(frame, job.id);
          if (message === undefined || message.seq <= known) return 'pass';
          lost ||= message.seq;
          return message.seq === lost ? 'drop' : 'pass';
        });
      });

      const watchers = watchEverywhere(cluster, job);
      await trimmedBehindAll;
      watchers.push(...watchEverywhere(cluster, job, { from: `${epoch}.50` }));
      await waitFor(() => lost > 0);
      await haveSeen(watchers, lost + 100);
      await cancel(cluster, job);
      await allEnded(watchers);

      expect(await viewerFaults(cluster, job, watchers, 'cancelled')).toEqual([]);
      await waitFor(() => monitor.reads(metaOf(job.id)).some(({ after }) => after === lost - 1));
      for (const { seen } of watchers) expect(new Set(seen.resets)).toEqual(new Set(['trimmed']));
    }
    monitor.stop();
  }, 60_000);
});

/** Waits until the log has lost everything up to `top`, and the event behind it. */
async function trimmedUpTo(job: string, top: number): Promise<void> {
  await waitFor(async () => {
    const [first] = await cluster.client.xrange(logOf(job), '-', '+', 'COUNT', 1);
    return Number(first?.[0].split('-')[0]) > top + 1;
  });
}
