import { setTimeout as delay } from 'node:timers/promises';

import { beforeAll, describe, expect, it } from '@jest/globals';

import type { AppProcess } from '../support/app-process.js';
import '../support/cleanup.js';
import { WsClient, submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import {
  children,
  cpuSeconds,
  descriptors,
  isAlive,
  keysWithoutExpiry,
  subscribedFeeds,
} from '../support/leaks.js';
import { startMonitor } from '../support/monitor.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { feedMessage } from '../support/redis-replies.js';
import { beRude } from '../support/rude-clients.js';
import { seeded } from '../support/seed.js';
import {
  allEnded,
  cancel,
  occupy,
  viewerFaults,
  watch,
  type SubmittedJob,
} from '../support/viewers.js';
import { waitFor, within } from '../support/wait.js';
import { stopAllWatchers, type Watcher } from '../support/watcher.js';

const SLOTS = 3;
const LEASE_MS = 6_000;
const DRAIN_WINDOW_MS = 4_000;
const DRAIN_TIMEOUT_MS = 20_000;

let cluster: Cluster;
let baseline: Baseline;
/** The gateway that the viewers are on, and the one that they know beside it. */
let first: AppProcess;
let second: AppProcess;

beforeAll(async () => {
  const numbers = { WORKER_SLOTS: SLOTS, DRAIN_WINDOW_MS, DRAIN_TIMEOUT_MS };
  const env = Object.fromEntries(Object.entries(numbers).map(([key, n]) => [key, String(n)]));
  cluster = await startCluster({ env, through: ['gateway'] });
  [first, second] = cluster.gateways as [AppProcess, AppProcess];
  baseline = await baselineOf(cluster);
}, 60_000);

const cancelAfter = (graceMs: number) => ({ onDisconnect: { policy: 'cancel', graceMs } });

async function start(input: object, options: object = {}): Promise<SubmittedJob> {
  const { id } = await submit(cluster.api, 'pace', input, options);
  return { id, model: 'pace', input };
}

/** A viewer that begins at the first of the gateways; every other one over SSE. */
function viewer(
  job: SubmittedJob,
  index: number,
  gateways: readonly AppProcess[],
  { hold = true } = {},
): Watcher {
  const gatewayUrls = gateways.map(({ url }) => url);
  return watch({ gatewayUrls }, job, { hold, transport: index % 2 === 0 ? 'ws' : 'sse' });
}

function watchers(job: SubmittedJob, count: number, gateways: readonly AppProcess[]): Watcher[] {
  return Array.from({ length: count }, (_, index) => viewer(job, index, gateways));
}

const haveBegun = (all: readonly Watcher[]) =>
  waitFor(() => all.every(({ seen }) => seen.seq > 0), 30_000);

const leaseOf = ({ id }: Pick<SubmittedJob, 'id'>) => `${cluster.prefix}:{${id}}:holders`;
const leases = () => cluster.client.keys(`${cluster.prefix}:*:holders`);

/** By the clock of Redis. */
async function leaseEnd(job: SubmittedJob): Promise<number> {
  return Number((await cluster.client.zrange(leaseOf(job), '-1', '-1', 'WITHSCORES'))[1]);
}

const fieldOf = (job: Pick<SubmittedJob, 'id'>, field: string) =>
  cluster.client.hget(`${cluster.prefix}:{${job.id}}:meta`, field);

describe('a gateway that is killed', () => {
  const GRACE_MS = 500;
  /** For viewers who come back by the thousand. With a lease it is less than the jobs take together. */
  const RETURN_GRACE_MS = 2_000;
  let watched: { readonly job: SubmittedJob; readonly viewers: Watcher[] }[];
  let abandoned: { readonly job: SubmittedJob; readonly onlooker: Watcher }[];
  let killedAt: number;
  /** When the lease that the killed gateway has on each abandoned job runs out; by the clock of Redis. */
  let leaseEnds: number[];

  /** 40 jobs with 25 viewers each, and two that nobody will come back for: one runs, one waits. */
  beforeAll(async () => {
    const lonely = [await start({ steps: 5_000, everyMs: 50 }, cancelAfter(GRACE_MS))];
    await waitFor(async () => (await fieldOf(lonely[0]!, 'status')) === 'running');
    const release = await occupy(cluster, SLOTS - 1);
    const jobs = await Promise.all(
      Array.from({ length: 40 }, () =>
        start({ steps: 20, everyMs: 30 }, cancelAfter(RETURN_GRACE_MS)),
      ),
    );
    lonely.push(await start({ steps: 5_000, everyMs: 50 }, cancelAfter(GRACE_MS)));
    watched = jobs.map((job) => ({ job, viewers: [] }));
    // One of each job after the other, so that no job's viewers all come back last.
    for (let index = 0; index < 25; index++) {
      for (const { job, viewers } of watched) viewers.push(viewer(job, index, [first, second]));
    }
    const leavers = lonely.flatMap((job) => watchers(job, 1, [first]));
    abandoned = lonely.map((job) => ({
      job,
      onlooker: watch({ gatewayUrls: [second.url] }, job, { hold: false }),
    }));
    await haveBegun([...leavers, ...watched.flatMap(({ viewers }) => viewers)]);
    await release();
    await waitFor(() => watched.some(({ viewers: [one] }) => one!.seen.types.includes('step')));
    await first.kill('SIGKILL');
    killedAt = Date.now();
    leaseEnds = await Promise.all(lonely.map(leaseEnd));
    for (const leaver of leavers) leaver.stop();
  }, 60_000);

  it('34. under 1,000 viewers: all resume on the other, nothing lost or twice, no job cancelled', async () => {
    const all = watched.flatMap(({ viewers }) => viewers);
    await allEnded(all, 60_000);

    const faults = watched.map(({ job, viewers }) => viewerFaults(cluster, job, viewers));
    expect((await Promise.all(faults)).flat()).toEqual([]);
    expect(all.filter(({ connects }) => connects > 1).length).toBeGreaterThan(900);
    expect(all.flatMap(({ seen }) => seen.resets)).toEqual([]);
  }, 90_000);

  it('35. and to whose viewers nobody returns: cancelled when the lease and the grace are over', async () => {
    for (const [index, { job, onlooker }] of abandoned.entries()) {
      const seen = await onlooker.ended(30_000);

      expect(seen.faults).toEqual([]);
      expect(seen.state.end).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
      const finishedAt = Number(await fieldOf(job, 'finishedAt'));
      const afterMs = finishedAt - killedAt;
      // While the lease lives, nobody can know that the viewer is gone.
      expect(finishedAt).toBeGreaterThanOrEqual(leaseEnds[index]! + GRACE_MS);
      // One step, and for a waiting job the sweep; the rest is for a busy machine.
      expect(afterMs).toBeLessThan(LEASE_MS + GRACE_MS + 15_000);
    }
  }, 60_000);
});

describe('a gateway that is told to stop', () => {
  it('36. sends 2,000 viewers away over its window, and ends in time with 0 though streams are open', async () => {
    const third = await cluster.add('gateway');
    const jobs = await Promise.all(
      Array.from({ length: SLOTS }, () =>
        start({ steps: 100_000, everyMs: 400 }, cancelAfter(500)),
      ),
    );
    const viewers = jobs.map((job, index) => {
      const count = 2_000 / SLOTS + (index < 2_000 % SLOTS ? 1 : 0);
      return watchers(job, Math.floor(count), [second, third]);
    });
    const all = viewers.flat();
    expect(all).toHaveLength(2_000);
    await haveBegun(all);

    const code = await within(second.kill('SIGTERM'), DRAIN_TIMEOUT_MS, 'the end of the gateway');
    await waitFor(() => all.every(({ connects }) => connects === 2), 30_000);
    await Promise.all(jobs.map((job) => cancel(cluster, job)));
    await allEnded(all);

    expect(code).toBe(0);
    const faults = jobs.map((job, index) =>
      viewerFaults(cluster, job, viewers[index] ?? [], 'cancelled'),
    );
    expect((await Promise.all(faults)).flat()).toEqual([]);
    const ends = all.map(({ seen }) => (seen.state.end?.data as { by: string }).by);
    expect(ends.filter((by) => by !== 'client')).toEqual([]);
    const farewells = all.map((watcher) => watcher.farewells[0]);
    expect(farewells.filter((farewell) => farewell === undefined)).toEqual([]);
    expectSpread(farewells.map((farewell) => farewell!.atMs));
    expectSpread(farewells.map((farewell) => farewell!.retryMs));
    await waitFor(async () => (await subscribedFeeds(cluster.client, cluster.prefix)).length === 0);
    expect(await keysWithoutExpiry(cluster.client, cluster.prefix)).toEqual([]);
  }, 90_000);

  function expectSpread(values: readonly number[]): void {
    const least = values.reduce((a, b) => Math.min(a, b));
    const most = values.reduce((a, b) => Math.max(a, b));
    expect(most - least).toBeGreaterThan(DRAIN_WINDOW_MS / 2);
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      const from = least + (tenth * (most - least)) / 10;
      const to = least + ((tenth + 1) * (most - least)) / 10;
      return values.filter((value) => value >= from && value < to).length / values.length;
    });
    // Evenly it would be 0.1 each; a machine that is full sends away late, and then several at once.
    expect(Math.max(...tenths)).toBeLessThan(0.3);
  }
});

describe('the API and all gateways', () => {
  it('37. die: the worker cancels by itself, its host is idle, warm, and takes the next job', async () => {
    const [worker] = cluster.workers as [AppProcess];
    const [gateway] = cluster.gateways.filter(({ pid }) => isAlive(pid)) as [AppProcess];
    const hosts = await children(worker.pid);
    const spent = async () => {
      const seconds = await Promise.all(hosts.map((pid) => cpuSeconds(pid)));
      return seconds.reduce((a, b) => a + b);
    };
    // A model that keeps its processor busy, as a real one does.
    const job = await start({ steps: 5_000, everyMs: 0, blockMs: 20 }, cancelAfter(200));
    const holder = viewer(job, 0, [gateway]);
    await holder.until(() => holder.seen.types.includes('step'));
    const host = await hostOf(job);

    const doomed = [...cluster.apis, ...cluster.gateways];
    await Promise.all(doomed.map((app) => app.kill('SIGKILL')));
    expect(doomed.filter(({ pid }) => isAlive(pid))).toEqual([]);
    holder.stop();
    await waitFor(async () => (await fieldOf(job, 'status')) === 'cancelled', 30_000);

    const end = JSON.parse((await fieldOf(job, 'end')) ?? '{}') as object;
    expect(end).toMatchObject({ data: { by: 'disconnect' } });
    const before = await spent();
    const since = Date.now();
    await waitFor(() => Date.now() - since > 1_000);
    expect((await spent()) - before).toBeLessThan(0.3);

    const [api] = await Promise.all([cluster.add('api'), cluster.add('gateway')]);
    const input = { steps: 10, everyMs: 50 };
    const next = await Promise.all(
      Array.from({ length: SLOTS }, async () => (await submit(api.url, 'pace', input)).id),
    );
    await waitFor(async () => {
      const states = await Promise.all(next.map((id) => fieldOf({ id }, 'status')));
      return states.every((status) => status === 'completed');
    }, 30_000);
    expect(await Promise.all(next.map((id) => hostOf({ id })))).toContain(host);
    expect(await children(worker.pid)).toEqual(hosts);
  }, 90_000);

  async function hostOf({ id }: { readonly id: string }): Promise<string> {
    const entries = await cluster.client.xrange(
      `${cluster.prefix}:{${id}}:log`,
      '-',
      '+',
      'COUNT',
      9,
    );
    const events = entries.map(([, [, json = '']]) => JSON.parse(json) as Started);
    return events.find(({ type }) => type === 'started')?.data.host ?? '';
  }
});

interface Broken {
  readonly meta: string;
  readonly corrupt: () => Promise<void>;
}

interface Started {
  readonly type: string;
  readonly data: { readonly host?: string };
}

describe('a connection whose handling fails', () => {
  let gateway: AppProcess;
  let api: AppProcess;

  beforeAll(() => {
    [gateway] = cluster.gateways.slice(-1) as [AppProcess];
    [api] = cluster.apis.slice(-1) as [AppProcess];
  });

  /** Held by one viewer, with twenty mere ones; of policy `cancel`, so that the holder has a lease. */
  async function startWatched() {
    const input = { steps: 100_000, everyMs: 50 };
    const { id } = await submit(api.url, 'pace', input, cancelAfter(600_000));
    const job = { id, model: 'pace', input };
    const holder = viewer(job, 0, [gateway]);
    const neighbours = Array.from({ length: 20 }, (_, index) =>
      viewer(job, index, [gateway], { hold: false }),
    );
    await haveBegun([holder, ...neighbours]);
    return { job, holder, neighbours };
  }

  async function expectUndisturbed(
    job: SubmittedJob,
    neighbours: readonly Watcher[],
  ): Promise<void> {
    await cancel({ api: api.url }, job);
    await allEnded(neighbours, 30_000);
    expect(await viewerFaults(cluster, job, neighbours, 'cancelled')).toEqual([]);
    expect(neighbours.filter(({ connects }) => connects > 1)).toEqual([]);
    expect(isAlive(gateway.pid)).toBe(true);
    expect(
      gateway.log.filter((line) => Number(/"level":(\d+)/.exec(line)?.[1] ?? 60) >= 50),
    ).toEqual([]);
  }

  it('38. because its client breaks off in the middle of anything: only that one ends, nothing leaks', async () => {
    const { seed, random } = seeded();
    const before = await descriptors(gateway.pid);
    const { job, holder, neighbours } = await startWatched();

    for (let round = 0; round < 5; round++) {
      await beRude(gateway.url, job.id, { times: 10, maxMs: 30, random });
    }

    expect({ seed, leases: await leases() }).toEqual({ seed, leases: [leaseOf(job)] });
    // Were one of the rude ones still counted, the lease would stay when the holder leaves.
    holder.stop();
    await waitFor(async () => (await leases()).length === 0);
    expect(holder.seen.faults).toEqual([]);
    await expectUndisturbed(job, neighbours);
    await waitFor(async () => (await descriptors(gateway.pid)) <= before + 4);
    await waitFor(async () => (await subscribedFeeds(cluster.client, cluster.prefix)).length === 0);
  }, 60_000);

  it('38. because the state of its job cannot be read: the slow viewer of it ends, the audit of others goes on', async () => {
    const broken = await startBroken();
    const monitor = await startMonitor(cluster.redis.url);
    const slow = await WsClient.connect(gateway.url);
    await slow.command('subscribe', { job: broken.id });
    slow.ws.pause();
    // Nothing more is read for it when its connection takes nothing more.
    let reads = 0;
    await waitFor(async () => {
      const previous = reads;
      await delay(300);
      reads = monitor.reads(broken.meta).length;
      return reads > 3 && reads === previous;
    });
    const { job, neighbours } = await startWatched();

    await broken.corrupt();
    await waitFor(() => monitor.reads(broken.meta).filter(({ after }) => after === 0).length > 1);
    const probe = await WsClient.connect(gateway.url);
    await probe.command('subscribe', { job: broken.id });
    // It comes back again and again, and so keeps the channel of the broken job open.
    const stubborn = viewer(broken, 1, [gateway]);
    slow.ws.resume();
    for (const client of [probe, slow]) {
      await client.waitFor(() => client.messages.some(({ code }) => code === 'internal'));
    }
    cluster.proxies.gateway!.judgeReplies((frame) =>
      feedMessage(frame, job.id)?.types.includes('cancelled') === true ? 'drop' : 'pass',
    );

    await expectUndisturbed(job, neighbours);
    for (const client of [probe, slow])
      expect(await client.command('ping')).toMatchObject({ op: 'ok' });
    expect(slow.record(broken.id).events.map(({ seq }) => seq)).toEqual(
      slow.record(broken.id).events.map((_, index) => index + 1),
    );
    expect(stubborn.connects).toBeGreaterThan(2);
    stubborn.stop();
    await Promise.all([probe.close(), slow.close()]);
    monitor.stop();
  }, 60_000);

  /** A job that has ended, larger than what a connection takes; its state can be made unreadable. */
  async function startBroken(): Promise<SubmittedJob & Broken> {
    const input = { steps: 60, everyMs: 0, bytes: 250_000 };
    const { id } = await submit(api.url, 'pace', input);
    const of = (part: string) => `${cluster.prefix}:{${id}}:${part}`;
    await waitFor(async () => (await cluster.client.hget(of('meta'), 'status')) === 'completed');
    const corrupt = async (): Promise<void> => {
      const top = Number(await cluster.client.hget(of('meta'), 'top'));
      await cluster.client
        .multi()
        .hset(of('meta'), 'epoch', 'ffff')
        .del(of('log'))
        .set(of('snapshot'), `${top} {broken`, 'EX', 600)
        .publish(of('feed'), `1 ffff ${top} log\n{"job":"${id}","seq":${top}}`)
        .exec();
    };
    return { id, model: 'pace', input, meta: of('meta'), corrupt };
  }
});

describe('afterwards', () => {
  it('no connection, subscription, lease, key without an end, queued job or further host is left', async () => {
    stopAllWatchers();

    await expectNothingLeft(cluster, baseline);
  }, 60_000);
});
