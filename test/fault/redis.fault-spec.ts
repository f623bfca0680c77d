// Failures of Redis and of the way to it, seen by viewers and by the operator.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';
import { RedisStore } from '@stepcast/redis';

import type { AppProcess } from '../support/app-process.js';
import { ActiveLog } from '../support/active-log.js';
import '../support/cleanup.js';
import {
  WsClient,
  call,
  openStream,
  submit,
  type JobView,
  type StreamRecord,
} from '../support/clients.js';
import { startCluster, type Cluster, type ClusterOptions } from '../support/cluster.js';
import { complaint, hasSaid, messages, metric, readiness } from '../support/insight.js';
import { children, residentBytes, subscribedFeeds } from '../support/leaks.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { startRedis } from '../support/private-redis.js';
import { halfOpen, loseTail, overflow } from '../support/redis-harm.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { waitFor } from '../support/wait.js';
import { Watcher, stopAllWatchers, type WatchTransport } from '../support/watcher.js';

let cluster: Cluster;
let baseline: Baseline;
const leftovers: (() => Promise<unknown>)[] = [];
/** Removed when no Redis writes into them any more. */
const folders: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const dispose of leftovers.splice(0)) await dispose();
  stopAllWatchers();
  await expectNothingLeft(cluster, baseline).finally(() => cluster.stop());
  for (const remove of folders.splice(0)) await remove();
}, 120_000);

const start = async (options: ClusterOptions = {}): Promise<void> => {
  cluster = await startCluster(options);
  baseline = await baselineOf(cluster);
};

const apps = (): AppProcess[] => [...cluster.apis, ...cluster.gateways, ...cluster.workers];

function watch(job: string, transport: WatchTransport, from?: string): Watcher {
  const options = { job, transport, gateways: cluster.gatewayUrls, foldOf: sampleFold('pace') };
  return new Watcher({ ...options, ...(from === undefined ? {} : { from }) });
}

const watchBoth = (job: string): Watcher[] => [watch(job, 'ws'), watch(job, 'sse')];

const steps = (watcher: Watcher): number =>
  ((watcher.seen.state.events['step'] as unknown[] | undefined) ?? []).length;

async function allSee(watchers: Watcher[], count: number, deadlineMs?: number): Promise<void> {
  for (const watcher of watchers) {
    await watcher.until(() => steps(watcher) >= count, deadlineMs, `${count} steps`);
  }
}

async function allEnd(watchers: Watcher[], input: object, deadlineMs = 60_000): Promise<void> {
  for (const watcher of watchers) {
    const seen = await watcher.ended(deadlineMs);
    expect(seen.faults).toEqual([]);
    expect(seen.state.end).toMatchObject({ type: 'completed' });
    expect(stateFaults('pace', input, seen.state)).toEqual([]);
  }
}

/** None was disconnected, and none had to begin anew. */
function expectUndisturbed(watchers: Watcher[]): void {
  for (const { connects, seen } of watchers) expect([connects, seen.resets]).toEqual([1, []]);
}

const job = async (id: string): Promise<{ status: number; body: JobView & { code?: string } }> =>
  call(`${cluster.api}/v1/jobs/${id}`);

const feeds = (): Promise<string[]> => subscribedFeeds(cluster.client, cluster.prefix);

const HOLD = { onDisconnect: { policy: 'cancel', graceMs: 0 } };

describe('pub/sub', () => {
  it('27. CLIENT KILL TYPE pubsub: resubscribe, audit, nothing lost, with 1,000 active jobs.', async () => {
    await start({ workers: 0, env: { WORKER_LOST_MS: '600000' } });
    const { writer, dispose } = await openWriter();
    leftovers.push(dispose);
    const ids = await submitMany(1_000);
    const readers = await openReaders(ids);
    const logs = await Promise.all(ids.map((id) => ActiveLog.claim(writer, id)));

    for (let round = 1; round <= 10; round++) {
      const sent = Promise.all(logs.map((log) => log.step()));
      if (round % 3 === 0) await cluster.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await sent;
    }
    // Audits alone would keep the viewers whole, too.
    await waitFor(async () => (await feeds()).length === ids.length, 20_000);
    await Promise.all(logs.map((log) => log.complete()));

    for (const reader of readers) {
      const events = await reader.ended(60_000);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, place) => place + 1));
      expect(events.map(({ type }) => type)).toEqual([
        'queued',
        ...Array(10).fill('step'),
        'completed',
      ]);
    }
    for (const gateway of cluster.gateways) {
      const cuts = metric(gateway, 'stepcast_feed_interruptions_total', 'cause="connection"');
      expect(await cuts).toBeGreaterThan(0);
      await waitFor(() => hasSaid(gateway, 'pub/sub is interrupted: connection closed'));
      await waitFor(() => hasSaid(gateway, 'pub/sub is whole again after'));
    }
    // It finds the ends in the logs, and takes the jobs out of the queue.
    await cluster.add('worker');
  }, 180_000);

  it('27. Redis cuts a subscriber that reads too slowly: resubscribe, audit, nothing lost.', async () => {
    await start({ gateways: 1 });
    const [gateway] = cluster.gateways;
    await cluster.client.config('SET', 'client-output-buffer-limit', 'pubsub 1mb 0 0');
    const input = { steps: 1_000, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input);
    const watchers = watchBoth(id);
    await allSee(watchers, 10);

    await gateway!.kill('SIGSTOP');
    await overflow(cluster.client, `${cluster.prefix}:{${id}}:feed`);
    await gateway!.kill('SIGCONT');

    await waitFor(() => hasSaid(gateway!, 'pub/sub is interrupted: connection closed'), 20_000);
    await waitFor(() => hasSaid(gateway!, 'pub/sub is whole again after'), 20_000);
    await waitFor(async () => (await feeds()).length === 1);
    await allEnd(watchers, input);
    expectUndisturbed(watchers);
  }, 90_000);

  it('28. Half-open subscriber connection: the canary fires, reconnect, nothing lost.', async () => {
    await start({ gateways: 1, through: ['gateway'] });
    const [gateway] = cluster.gateways;
    const input = { steps: 2_000, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input, HOLD);
    const watchers = watchBoth(id);
    await allSee(watchers, 10);
    expect((await readiness(gateway!)).checks['feed']).toEqual({
      ok: true,
      canaryAgeMs: expect.any(Number),
    });

    halfOpen(cluster.proxies.gateway!);
    // Audits keep the viewers whole meanwhile.
    await allSee(watchers, 200, 30_000);
    await waitFor(async () => (await complaint(gateway!, 'feed')) !== '', 40_000);
    await waitFor(() => hasSaid(gateway!, 'pub/sub is interrupted: nothing is heard'), 40_000);
    await waitFor(() => hasSaid(gateway!, 'pub/sub is whole again after'), 40_000);
    await waitFor(async () => (await complaint(gateway!, 'feed')) === '', 40_000);
    await waitFor(async () => (await feeds()).length === 1);

    await allEnd(watchers, input, 90_000);
    expectUndisturbed(watchers);
    const silences = metric(gateway!, 'stepcast_feed_interruptions_total', 'cause="silence"');
    expect(await silences).toBe(1);
  }, 180_000);
});

describe('a Redis that stands still', () => {
  it('29. DEBUG SLEEP 5: no false alarms, no job cancelled.', async () => {
    // Two workers: one that is idle would find a job whose lock has run out.
    await start({ workers: 2 });
    const input = { steps: 400, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input, HOLD);
    const watchers = watchBoth(id);
    await allSee(watchers, 10);

    await cluster.client.call('DEBUG', 'SLEEP', '5');

    await allEnd(watchers, input);
    expectUndisturbed(watchers);
    expect((await job(id)).body).toMatchObject({ status: 'completed', attempt: 1 });
    for (const app of apps()) {
      expect(await metric(app, 'stepcast_store_errors_total', '', 0)).toBe(0);
      expect(await metric(app, 'stepcast_feed_interruptions_total', '', 0)).toBe(0);
      expect(messages(app).filter((text) => /interrupted|cannot|unavailable/.test(text))).toEqual(
        [],
      );
    }
  }, 90_000);
});

describe('a Redis that is killed', () => {
  it('30. kill -9 and restart empty: running jobs continue in a new epoch; finished ones answer 410 or from the record; queued ones are reported lost, never silently.', async () => {
    await start();
    const finished = await submit(cluster.api, 'pace', { steps: 3, everyMs: 0 });
    const [done] = watchBoth(finished.id);
    await done!.ended();
    const input = { steps: 600, everyMs: 50 };
    const called = call(`${cluster.api}/v1/models/pace/run`, {
      body: input,
      headers: { prefer: 'wait=120' },
    });
    const running = await theOneThatRuns();
    const watchers = watchBoth(running.id);
    await allSee(watchers, 10);
    const queued = await submit(cluster.api, 'pace', { steps: 3 });
    const waiting = watchBoth(queued.id);
    for (const watcher of waiting) await watcher.until(() => watcher.seen.types[0] === 'queued');

    await cluster.redis.kill();
    await cluster.redis.restart();

    // The queued one: its viewers are told, and so is whoever asks.
    for (const watcher of waiting) await watcher.until(() => watcher.isGone, 60_000, 'the loss');
    for (const { id } of [queued, finished]) {
      expect(await job(id)).toMatchObject({ status: 410, body: { code: 'job_gone' } });
      expect((await call(`${cluster.api}/v1/jobs/${id}/log`)).status).toBe(410);
    }
    const back = `${cluster.gatewayUrls[0]}/v1/jobs/${finished.id}/events?from=${done!.seen.position}`;
    expect((await openStream(back)).status).toBe(410);
    expect((await call(`${cluster.api}/v1/jobs/${idOfNow()}`)).status).toBe(404);
    for (const app of apps()) await waitFor(() => hasSaid(app, 'Redis has lost its memory'));

    // The running one: a new life, in which nothing is missing.
    await allEnd(watchers, input, 90_000);
    for (const { connects, seen } of watchers) {
      expect([connects, seen.resets]).toEqual([1, ['lost']]);
      expect(new Set(seen.marks.map(({ epoch }) => epoch)).size).toBe(2);
    }
    expect(await called).toMatchObject({ status: 200, body: { output: { steps: input.steps } } });
    const next = await submit(cluster.api, 'pace', { steps: 3, everyMs: 0 });
    await allEnd(watchBoth(next.id), { steps: 3 });
  }, 180_000);

  /** Kills Redis under a running job, loses so much of what it wrote, and shows what its viewers see. */
  async function crash(lostBytes: number, viewers = 2): Promise<Watcher[]> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'stepcast-aof-'));
    folders.push(() => rm(dataDir, { recursive: true, force: true }));
    const args = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
    await start({ redis: await startRedis({ dataDir, args }) });
    const input = { steps: 400, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input);
    const watchers = Array.from({ length: viewers / 2 }, () => watchBoth(id)).flat();
    await allSee(watchers, 50);

    await cluster.redis.kill();
    if (lostBytes > 0) await loseTail(dataDir, lostBytes);
    await cluster.redis.restart();

    await allEnd(watchers, input);
    expect(hasSaid(cluster.apis[0]!, 'Redis has lost its memory')).toBe(false);
    return watchers;
  }

  it('31. kill -9 with AOF everysec, restart with all that it acknowledged: nobody sees more than a pause.', async () => {
    expectUndisturbed(await crash(0));
  }, 90_000);

  it('31. kill -9 with AOF everysec, restart: lost tail → new epoch + snapshot, for 200 viewers.', async () => {
    const watchers = await crash(4_096, 200);

    for (const { connects, seen } of watchers)
      expect([connects, seen.resets]).toEqual([1, ['lost']]);
  }, 90_000);
});

/** How long Redis is away in 32. STEPCAST_OUTAGE_MS=10000 is a shortcut for whoever works on this test. */
const OUTAGE_MS = Number(process.env['STEPCAST_OUTAGE_MS'] ?? 60_000);

describe('a Redis that cannot be used for a while', () => {
  it(
    '32. Unreachable for a long time: gateways keep viewers connected, workers bounded in memory, all continue.',
    async () => {
      await start({ workers: 2, through: ['api', 'gateway', 'worker'] });
      // One that emits as fast as it can, and one that has time.
      const fast = { steps: 90_000, everyMs: 0, bytes: 100 };
      const calm = { steps: 600, everyMs: 50 };
      const { id: calmJob } = await submit(cluster.api, 'pace', calm, HOLD);
      const calmViewers = watchBoth(calmJob);
      await allSee(calmViewers, 10);
      const { id: fastJob } = await submit(cluster.api, 'pace', fast, HOLD);
      const fastViewer = watch(fastJob, 'ws');
      await allSee([fastViewer], 500);
      const lines = apps().map(({ log }) => log.length);

      for (const proxy of Object.values(cluster.proxies)) proxy.refuse();
      for (const app of apps()) {
        await waitFor(
          async () => (await complaint(app, 'redis')).includes('not been reached'),
          20_000,
        );
        await waitFor(() => hasSaid(app, 'Redis cannot be used: unreachable'));
      }
      const before = await memory();
      await passed(OUTAGE_MS);
      const grown = (await memory()) - before;
      // Two windows of 4 MiB on each side of a pipe would do; a queue without a bound takes gigabytes.
      expect(grown).toBeLessThan(128 * 1_048_576);
      expect([...calmViewers, fastViewer].some(({ isOver }) => isOver)).toBe(false);
      for (const proxy of Object.values(cluster.proxies)) proxy.refuse(false);

      await allEnd([...calmViewers], calm, 90_000);
      await allEnd([fastViewer], fast, 90_000);
      for (const { connects } of [...calmViewers, fastViewer]) expect(connects).toBe(1);
      for (const id of [calmJob, fastJob]) {
        expect((await job(id)).body).toMatchObject({ status: 'completed', attempt: 1 });
      }
      for (const [index, app] of apps().entries()) {
        await waitFor(async () => (await complaint(app, 'redis')) === '', 20_000);
        // Some lines per process, not some per second.
        expect(app.log.length - lines[index]!).toBeLessThan(40);
      }
    },
    180_000 + 2 * OUTAGE_MS,
  );

  it('32. Read-only, as an old primary behind a failover: all wait, say so, and continue.', async () => {
    await start();
    const input = { steps: 300, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input, HOLD);
    const watchers = watchBoth(id);
    await allSee(watchers, 10);

    await cluster.client.replicaof('localhost', '1');
    for (const app of apps()) {
      await waitFor(async () => /read-only.*READONLY/.test(await complaint(app, 'redis')), 20_000);
      await waitFor(() => hasSaid(app, 'Redis cannot be used: readonly'));
    }
    await cluster.client.replicaof('NO', 'ONE');

    await allEnd(watchers, input);
    for (const { connects } of watchers) expect(connects).toBe(1);
    for (const app of apps()) {
      await waitFor(async () => (await complaint(app, 'redis')) === '', 20_000);
      await waitFor(() => hasSaid(app, 'Redis has been read-only for'));
    }
    expect((await job(id)).body).toMatchObject({ status: 'completed', attempt: 1 });
  }, 90_000);
});

describe('a position from the future', () => {
  it('33. A viewer resumes with a seq above the new top: reset, not "nothing missed".', async () => {
    await start();
    const input = { steps: 200, everyMs: 20 };
    const { id } = await submit(cluster.api, 'pace', input);
    const [first] = watchBoth(id);
    await allSee([first!], 5);
    const epoch = first!.seen.position!.split('.')[0];

    const ahead = (['ws', 'sse'] as const).map((transport) =>
      watch(id, transport, `${epoch}.100000`),
    );
    await allEnd([first!, ...ahead], input);
    const late = (['ws', 'sse'] as const).map((transport) =>
      watch(id, transport, `${epoch}.100000`),
    );
    await allEnd(late, input);

    for (const { seen } of [...ahead, ...late]) expect(seen.resets).toEqual(['lost']);
  }, 60_000);
});

async function theOneThatRuns(): Promise<JobView> {
  const list = () => call<{ jobs: JobView[] }>(`${cluster.api}/v1/jobs?status=running`);
  await waitFor(async () => (await list()).body.jobs.length === 1);
  return (await list()).body.jobs[0]!;
}

/** Time that a fault lasts; what is measured is measured around it. */
async function passed(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await waitFor(() => performance.now() >= end, ms + 10_000);
}

/** Resident bytes of all workers and their hosts. */
async function memory(): Promise<number> {
  const pids = await Promise.all(
    cluster.workers.map(async ({ pid }) => [pid, ...(await children(pid))]),
  );
  const sizes = await Promise.all(pids.flat().map(residentBytes));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** An id that the hub has not given, made after whatever was lost. */
function idOfNow(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000001`;
}

async function submitMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 100) {
    const group = Array.from({ length: 100 }, () => submit(cluster.api, 'pace', { steps: 10 }));
    ids.push(...(await Promise.all(group)).map(({ id }) => id));
  }
  return ids;
}

/** One reader per job: half of them over five WebSockets, half with an SSE stream of their own. */
async function openReaders(ids: readonly string[]): Promise<StreamRecord[]> {
  const sockets = await Promise.all(
    Array.from({ length: 5 }, (_, index) => WsClient.connect(cluster.gatewayUrls[index % 2]!)),
  );
  leftovers.push(() => Promise.all(sockets.map((socket) => socket.close())));
  const read = async (job: string, index: number): Promise<StreamRecord> => {
    if (index % 2 === 0) {
      // A hundred jobs is what one connection may watch.
      const socket = sockets[(index / 2) % 5]!;
      expect(await socket.command('subscribe', { job })).toMatchObject({ op: 'ok' });
      return socket.record(job);
    }
    const gateway = cluster.gatewayUrls[((index - 1) / 2) % 2]!;
    const { status, record, cut } = await openStream(`${gateway}/v1/jobs/${job}/events`);
    leftovers.push(async () => {
      cut();
      await record.until(() => record.isClosed);
    });
    expect(status).toBe(200);
    return record;
  };
  const readers: StreamRecord[] = [];
  for (let from = 0; from < ids.length; from += 100) {
    const group = ids.slice(from, from + 100).map((job, index) => read(job, from + index));
    readers.push(...(await Promise.all(group)));
  }
  return readers;
}

async function openWriter() {
  const { url } = cluster.redis;
  const store = new RedisStore({ url, keyPrefix: cluster.prefix, name: 'test' });
  await store.open();
  return { writer: store.writer, dispose: () => store.close(0) };
}
