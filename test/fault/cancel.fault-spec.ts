// Faults 39–48 of docs/testing.md: whoever leaves, however, and whoever cancels, whenever: the work stops, once, and stays stopped.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { removePaceOnly, paceOnly } from '../support/pace-only.js';
import '../support/cleanup.js';
import { WsClient, call, openStream, submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { metric } from '../support/insight.js';
import { children, isAlive, subscribedFeeds } from '../support/leaks.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { expectOneEnd, orderedAt } from '../support/one-end.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { seeded } from '../support/seed.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait.js';
import { Watcher, type WatchTransport } from '../support/watcher.js';

const SLOTS = 12;
const EVERY_MS = 50;
const GRACE_MS = 300;
const KILL_AFTER_MS = 1_000;
/** How often a worker looks at a silent job. */
const LOOK_MS = 1_000;
const HEARTBEAT_MS = 500;
/** From the order to the end, beside the step that is under way: what a machine that is full adds. */
const STOP_SLACK_MS = 1_000;
/** For a machine that has much else to do; bench/cancel.bench.ts measures. */
const SLACK_MS = 5_000;

const long = { steps: 2_000, everyMs: EVERY_MS };
const leaving = (graceMs = GRACE_MS) => ({ onDisconnect: { policy: 'cancel', graceMs } });
const transports: readonly WatchTransport[] = ['ws', 'sse'];

let hub: Cluster;
let env: Record<string, string>;
let baseline: Baseline;

beforeAll(async () => {
  env = { MODELS_DIR: await paceOnly(), KILL_AFTER_MS: String(KILL_AFTER_MS) };
  hub = await startCluster({ through: ['worker'], env: { ...env, WORKER_SLOTS: String(SLOTS) } });
  // A gateway connects to the queues with its first submission, and stays connected.
  for (const url of hub.gatewayUrls) {
    const ws = await WsClient.connect(url);
    await ws.record(await ws.submit('pace', { steps: 1, everyMs: 0 })).ended();
    await ws.close();
  }
  baseline = await baselineOf(hub);
}, 60_000);

afterAll(removePaceOnly);

interface Seat {
  readonly transport?: WatchTransport;
  /** Number of the gateway that it comes to first. */
  readonly at?: number;
  readonly hold?: boolean;
  /** Instead of the gateways. */
  readonly address?: string;
}

function watch(job: string, { transport = 'ws', at = 0, hold = true, address }: Seat = {}) {
  const gateways = address === undefined ? hub.gatewayUrls.slice(0, 2) : [address];
  return new Watcher({ job, gateways, transport, hold, foldOf: sampleFold('pace') }, at);
}

/** Viewers that hold nothing, on both gateways. */
const witnesses = (job: string) => [
  watch(job, { transport: 'ws', at: 0, hold: false }),
  watch(job, { transport: 'sse', at: 1, hold: false }),
];

const steps = ({ seen }: Watcher) => seen.types.filter((type) => type === 'step').length;
const atStep = (watcher: Watcher, step: number) =>
  watcher.until(() => steps(watcher) >= step, 60_000, `step ${step}`);

const endOf = (job: string, stayed: readonly Watcher[] = []) => expectOneEnd(hub.api, job, stayed);
const cancel = (job: string, api = hub.api) => call(`${api}/v1/jobs/${job}`, { method: 'DELETE' });

const isIdle = async () => (await metric(hub.workers[0]!, 'stepcast_worker_busy_slots')) === 0;

/** Pid of the process that ran a job, from its `started` event. */
const hostPid = (started: unknown) =>
  Number(/:(\d+)$/.exec((started as { host: string }).host)?.[1]);

describe('39. the tab is closed at step 5', () => {
  const cases = transports.flatMap((transport) => [
    { transport, how: 'closed' },
    { transport, how: 'reset' },
  ]);

  it.each(cases)(
    '39. $transport $how: stopped after the grace, the host idle and warm, never retried',
    async ({ transport, how }) => {
      const hosts = await children(hub.workers[0]?.pid ?? 0);
      const proxy = await TcpProxy.start(Number(new URL(hub.gatewayUrls[0] ?? '').port));
      const options = { ...leaving(), attempts: 3 };
      const { id: job } = await submit(hub.api, 'pace', long, options);
      const holder = watch(job, { transport, address: `http://127.0.0.1:${proxy.port}` });
      const stayed = witnesses(job);
      await atStep(holder, 5);

      const leftAt = Date.now();
      if (how === 'reset') proxy.reset();
      holder.stop();
      const { record, events, types, event } = await endOf(job, stayed);

      expect(record).toMatchObject({ status: 'cancelled', attempt: 1 });
      expect(event.data).toMatchObject({ by: 'disconnect' });
      expect(event.data['stoppedAfterMs']).toBeLessThanOrEqual(EVERY_MS + STOP_SLACK_MS);
      expect(orderedAt(event) - leftAt).toBeGreaterThanOrEqual(GRACE_MS);
      expect(event.at - leftAt).toBeLessThan(GRACE_MS + EVERY_MS + SLACK_MS);
      expect(types.filter((type) => type === 'started')).toHaveLength(1);
      expect(events.every(({ attempt }) => attempt <= 1)).toBe(true);
      await waitFor(isIdle);
      expect(await children(hub.workers[0]?.pid ?? 0)).toEqual(hosts);
      // The queue forgets a job that has ended, and no worker is given it again.
      await waitFor(async () => (await hub.client.exists(queueKey(hub, job))) === 0);
      expect(endingsOf(job)).toEqual(['attempt ended']);
      await proxy.stop();
    },
    30_000,
  );
});

/** What the worker says at the end of each job that the queue gave it. */
const endingsOf = (job: string) =>
  (hub.workers[0]?.log ?? [])
    .filter((line) => line.includes(job))
    .map((line) => (JSON.parse(line) as { msg: string }).msg)
    .filter((msg) => msg === 'attempt ended' || msg === 'nothing to run');

const queueKey = ({ prefix }: Cluster, job: string) => `${prefix}:queue:pace:${job}`;

describe('40. the cable is pulled', () => {
  it('40. nobody says goodbye: noticed by missing pongs, then stopped after the grace; not if the viewer is back before', async () => {
    const { url } = await hub.add('gateway', { HEARTBEAT_MS: String(HEARTBEAT_MS) });
    const proxy = await TcpProxy.start(Number(new URL(url).port));
    const address = `http://127.0.0.1:${proxy.port}`;
    const [gone, back] = await Promise.all(
      // The second must outlast what the gateway needs to notice, and end by itself.
      [long, { steps: 80, everyMs: EVERY_MS }].map((input) =>
        submit(hub.api, 'pace', input, leaving()),
      ),
    );
    const [lost, returning] = [gone, back].map((job) => watch(job!.id, { address }));
    const stayed = witnesses(gone!.id);
    await Promise.all([atStep(lost!, 5), atStep(returning!, 5)]);

    const pulledAt = Date.now();
    proxy.swallow();
    const returned = watch(back!.id, { transport: 'sse', at: 1 });
    const { event } = await endOf(gone!.id, stayed);

    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
    // The third ping finds the first two unanswered; the first may have been due at once.
    expect(orderedAt(event) - pulledAt).toBeGreaterThanOrEqual(HEARTBEAT_MS + GRACE_MS);
    expect(event.at - pulledAt).toBeLessThan(3 * HEARTBEAT_MS + GRACE_MS + EVERY_MS + SLACK_MS);
    expect((await endOf(back!.id, [returned])).record.status).toBe('completed');
    for (const watcher of [lost, returning]) watcher!.stop();
    await proxy.stop();
  }, 60_000);
});

describe('41. the viewer returns around the end of the grace', () => {
  const anyTime = { steps: 20, everyMs: 25 };
  /** On a machine that is full nobody is back 50 ms later; with so much time most of them are. */
  const roomy = { input: { steps: 120, everyMs: EVERY_MS }, graceMs: 3_000, backAfterMs: 2_000 };
  const MIN_IN_TIME = 6;
  /** At once; more of them would only wait for each other. */
  const BATCH = 25;

  interface Plan {
    readonly input: object;
    readonly graceMs: number;
    readonly backAfterMs: number;
  }

  async function leaveAndReturn(plan: Plan, index: number) {
    const { input, graceMs, backAfterMs } = plan;
    const { id: job } = await submit(hub.api, 'pace', input, leaving(graceMs));
    const watcher = watch(job, { transport: transports[index % 2] ?? 'ws', at: index >> 1 });
    await atStep(watcher, 3);
    const leftAt = Date.now();
    watcher.drop(backAfterMs);
    // What comes on the new connection comes when it holds: the hub sends nothing before.
    await watcher.until(() => watcher.connects > 1 || watcher.isOver, 30_000);
    const before = watcher.seen.marks.length;
    await watcher.until(() => watcher.seen.marks.length > before || watcher.isOver, 30_000);
    const isBackInTime = Date.now() < leftAt + graceMs;
    const { event } = await endOf(job, [watcher]);
    return { ...plan, job, watcher, event, leftAt, isBackInTime };
  }

  it('41. at grace − 50 ms and at grace + 50 ms, 40 times each: untouched, or cancelled once', async () => {
    const { seed, random } = seeded();
    const around = (ms: number) =>
      Array.from({ length: 40 }, () => ({
        input: anyTime,
        graceMs: GRACE_MS,
        backAfterMs: Math.round(GRACE_MS + ms + 20 * (random() - 0.5)),
      }));
    const late = { input: long, graceMs: GRACE_MS, backAfterMs: 5 * GRACE_MS };
    const certain = [roomy, roomy, roomy, late].flatMap((plan) => Array<Plan>(4).fill(plan));
    const plans = [...certain, ...around(-50), ...around(50)];

    const returns: Awaited<ReturnType<typeof leaveAndReturn>>[] = [];
    while (returns.length < plans.length) {
      const batch = plans.slice(returns.length, returns.length + BATCH);
      returns.push(...(await Promise.all(batch.map(leaveAndReturn))));
    }

    const wrong = returns.filter(({ event, leftAt, input, graceMs, watcher, isBackInTime }) =>
      event.type === 'cancelled'
        ? isBackInTime || orderedAt(event) - leftAt < graceMs || event.data['by'] !== 'disconnect'
        : stateFaults('pace', input, watcher.seen.state).length > 0,
    );
    const ends = new Set(returns.map(({ event }) => event.type));
    expect({ seed, wrong, ends }).toEqual({
      seed,
      wrong: [],
      ends: new Set(['completed', 'cancelled']),
    });
    // Who is late may be cancelled; only who is in time proves that returning saves a job.
    const inTime = returns.filter(({ isBackInTime }) => isBackInTime);
    expect(inTime.length).toBeGreaterThanOrEqual(MIN_IN_TIME);
  }, 90_000);
});

describe('42. of several viewers', () => {
  const short = { steps: 24, everyMs: EVERY_MS };

  it('42. one of two holders leaves, on any transport and gateway: the job goes on', async () => {
    const cases = transports.flatMap((transport) => [
      { transport, at: 0 },
      { transport, at: 1 },
    ]);
    await Promise.all(
      cases.map(async ({ transport, at }) => {
        const { id: job } = await submit(hub.api, 'pace', short, leaving(100));
        const leaver = watch(job, { transport, at });
        const holder = watch(job, { transport: 'ws', at: 0 });
        await Promise.all([atStep(leaver, 5), atStep(holder, 5)]);
        leaver.stop();

        expect((await endOf(job, [holder])).record.status).toBe('completed');
        expect(stateFaults('pace', short, holder.seen.state)).toEqual([]);
      }),
    );
  }, 60_000);

  it('42. the last holder leaves, mere viewers stay on both gateways: cancelled, and they are told', async () => {
    await Promise.all(
      transports.map(async (transport) => {
        const { id: job } = await submit(hub.api, 'pace', long, leaving(100));
        const holders = [watch(job, { transport, at: 0 }), watch(job, { transport, at: 1 })];
        const stayed = witnesses(job);
        await Promise.all([...holders, ...stayed].map((watcher) => atStep(watcher, 5)));
        for (const holder of holders) holder.stop();

        const { event } = await endOf(job, stayed);

        expect(event).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
      }),
    );
  }, 60_000);
});

describe('43. cancelled a hundred times at once, over REST and both gateways', () => {
  let sockets: WsClient[];

  beforeAll(async () => {
    sockets = await Promise.all(hub.gatewayUrls.slice(0, 2).map((url) => WsClient.connect(url)));
  });

  afterAll(() => Promise.all(sockets.map((socket) => socket.close())));

  /** `ok`, or the code of the refusal. */
  async function order(job: string, index: number): Promise<unknown> {
    const socket = sockets[index % 3];
    if (socket !== undefined) {
      const { op, code } = await socket.command('cancel', { job });
      return op === 'ok' ? 'ok' : code;
    }
    const { status, body } = await cancel(job);
    return status === 202 ? 'ok' : body['code'];
  }

  const orders = async (job: string) =>
    new Set(await Promise.all(Array.from({ length: 100 }, (_, index) => order(job, index))));

  it('43. while it is queued: no step of it is ever run', async () => {
    const blockers = await Promise.all(
      Array.from({ length: SLOTS }, () => submit(hub.api, 'pace', long)),
    );
    await waitFor(
      async () => (await metric(hub.workers[0]!, 'stepcast_worker_busy_slots')) === SLOTS,
    );
    const { id: job } = await submit(hub.api, 'pace', long);
    const stayed = witnesses(job);

    const answers = await orders(job);
    await Promise.all(blockers.map(({ id }) => cancel(id)));
    await Promise.all(blockers.map(({ id }) => endOf(id)));

    expect((await endOf(job, stayed)).types).toEqual(['queued', 'cancelled']);
    expect(answers).toEqual(new Set(['ok', 'already_finished']));
  }, 30_000);

  it('43. while it runs', async () => {
    const { id: job } = await submit(hub.api, 'pace', long);
    const stayed = witnesses(job);
    await Promise.all(stayed.map((watcher) => atStep(watcher, 5)));

    const answers = await orders(job);

    expect((await endOf(job, stayed)).event).toMatchObject({
      type: 'cancelled',
      data: { by: 'client' },
    });
    expect(
      [...answers].filter((answer) => answer !== 'ok' && answer !== 'already_finished'),
    ).toEqual([]);
  }, 30_000);

  it('43. in the last step', async () => {
    const input = { steps: 4, everyMs: 300 };
    const { id: job } = await submit(hub.api, 'pace', input);
    const stayed = witnesses(job);
    await Promise.race(stayed.map((watcher) => atStep(watcher, 3)));

    await orders(job);

    const { event } = await endOf(job, stayed);
    expect(['cancelled', 'completed']).toContain(event.type);
    for (const { seen } of stayed) expect(stateFaults('pace', input, seen.state)).toEqual([]);
  }, 30_000);

  it('43. after the end: refused, and nothing changes', async () => {
    const { id: job } = await submit(hub.api, 'pace', { steps: 3, everyMs: 0 });
    const before = await endOf(job, witnesses(job));

    expect(await orders(job)).toEqual(new Set(['already_finished']));

    const after = await endOf(job, witnesses(job));
    expect(after.events).toEqual(before.events);
    expect(after.record.status).toBe('completed');
  }, 30_000);

  it('43. at any moment of a short life, 40 times', async () => {
    const { seed, random } = seeded();
    const input = { steps: 3, everyMs: 20 };
    const ends = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const { id: job } = await submit(hub.api, 'pace', input);
        const stayed = witnesses(job);
        const answers = await Promise.all(
          [0, 1, 2].map(async (index) => {
            await new Promise((resolve) => setTimeout(resolve, random() * 250));
            return order(job, index);
          }),
        );
        const { event, types } = await endOf(job, stayed);
        // Whoever was told `ok` was heard in time: nobody is told that of a job that ends otherwise.
        const isHeard = answers.includes('ok');
        return { event, types, isHeard, states: stayed.map(({ seen }) => seen.state) };
      }),
    );

    const wrong = ends.filter(
      ({ event, isHeard, states }) =>
        (event.type !== 'cancelled' && event.type !== 'completed') ||
        (event.type === 'cancelled' && !isHeard) ||
        states.some((state) => stateFaults('pace', input, state).length > 0),
    );
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  }, 60_000);
});

describe('the control channel is dead', () => {
  let dropped: number;

  beforeAll(() => {
    dropped = 0;
    hub.proxies.worker?.judgeReplies((answer) => {
      if (!answer.includes(`${hub.prefix}:worker:`)) return 'pass';
      dropped += 1;
      return 'drop';
    });
  });

  afterAll(() => hub.proxies.worker?.judgeReplies(undefined));

  // A worker that has just heard from the log does not ask it, so only the append's own answer can tell.
  it('44. a cancel is learned from the answer to the next append', async () => {
    const { id: job } = await submit(hub.api, 'pace', long);
    const stayed = witnesses(job);
    await Promise.all(stayed.map((watcher) => atStep(watcher, 5)));

    await cancel(job);
    const { event } = await endOf(job, stayed);

    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'client' } });
    await waitFor(() => dropped > 0);
  }, 30_000);

  it('44. so is the end of the last holder', async () => {
    const { id: job } = await submit(hub.api, 'pace', long, leaving());
    const holders = transports.map((transport, at) => watch(job, { transport, at }));
    const stayed = witnesses(job);
    await Promise.all([...holders, ...stayed].map((watcher) => atStep(watcher, 5)));

    const leftAt = Date.now();
    for (const holder of holders) holder.stop();
    const { event } = await endOf(job, stayed);

    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
    expect(orderedAt(event) - leftAt).toBeGreaterThanOrEqual(GRACE_MS);
  }, 30_000);

  it('45. a silent step without end: looked at within a second, then killed', async () => {
    const input = { steps: 1, everyMs: 0, blockMs: 60_000 };
    const { id: job } = await submit(hub.api, 'pace', input, leaving());
    const holder = watch(job);
    const stayed = witnesses(job);
    await holder.until(() => holder.seen.state.started !== undefined);
    const pid = hostPid(holder.seen.state.started);
    expect(isAlive(pid)).toBe(true);

    const leftAt = Date.now();
    holder.stop();
    await Promise.race(stayed.map((watcher) => watcher.ended()));
    expect(isAlive(pid)).toBe(false);

    const { event } = await endOf(job, stayed);
    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
    expect(event.data['stoppedAfterMs']).toBeGreaterThanOrEqual(KILL_AFTER_MS);
    expect(event.at - leftAt).toBeLessThan(GRACE_MS + LOOK_MS + KILL_AFTER_MS + SLACK_MS);
  }, 30_000);

  it('45. a silent step that is known to end is waited for, and the host stays warm', async () => {
    const blockMs = 2_000;
    const { id: job } = await submit(hub.api, 'pace', { steps: 50, everyMs: 0, blockMs });
    const stayed = witnesses(job);
    await atStep(stayed[0]!, 1);
    const pid = hostPid(stayed[0]!.seen.state.started);

    await cancel(job);
    const { event, types } = await endOf(job, stayed);

    expect(event.type).toBe('cancelled');
    expect(event.data['stoppedAfterMs']).toBeGreaterThan(0);
    expect(types.filter((type) => type === 'step').length).toBeLessThanOrEqual(3);
    expect(isAlive(pid)).toBe(true);
  }, 30_000);
});

describe('one slot', () => {
  let small: Cluster;

  beforeAll(async () => {
    const options = { redis: hub.redis, workers: 0, env: { ...env, WORKER_SLOTS: '1' } };
    small = await startCluster(options);
  }, 60_000);

  const end = (job: string, stayed: readonly Watcher[] = []) =>
    expectOneEnd(small.api, job, stayed);
  const worker = async () => small.workers[0] ?? (await small.add('worker'));
  const viewer = (job: string, transport: WatchTransport, at: number) =>
    new Watcher(
      { job, gateways: small.gatewayUrls, transport, hold: false, foldOf: sampleFold('pace') },
      at,
    );

  it('46. cancelled before a worker took it: nothing of it ever runs', async () => {
    const [first = '', second = ''] = small.gatewayUrls;
    const left = Array.from({ length: 5 }, async () => {
      const ws = await WsClient.connect(first);
      const job = await ws.submit('pace', long, leaving(0));
      ws.ws.terminate();
      return job;
    });
    const cut = Array.from({ length: 5 }, async () => {
      const url = `${second}/v1/models/pace/stream?onDisconnect=cancel&graceMs=0`;
      const stream = await openStream(url, { body: long });
      stream.cut();
      return String(stream.headers['stepcast-job']);
    });
    const deleted = Array.from({ length: 5 }, async () => {
      const { id } = await submit(small.api, 'pace', long);
      expect((await cancel(id, small.api)).status).toBe(202);
      return id;
    });
    const jobs = await Promise.all([...left, ...cut, ...deleted]);
    const ends = await Promise.all(jobs.map((job) => end(job)));
    const { id } = await submit(small.api, 'pace', { steps: 3, everyMs: 0 });

    const taker = await worker();
    const { events } = await end(id);

    for (const { types } of ends) expect(types).toEqual(['queued', 'cancelled']);
    for (const job of jobs) {
      expect(await small.client.exists(queueKey(small, job))).toBe(0);
      expect((await end(job)).types).toEqual(['queued', 'cancelled']);
    }
    // The worker ran one job and wrote what is in its log, but for `queued`: nothing else.
    await waitFor(async () => (await metric(taker, 'stepcast_worker_jobs_ended_total')) === 1);
    expect(await metric(taker, 'stepcast_worker_append_events_sum')).toBe(events.length - 1);
  }, 60_000);

  it('47. a model that ignores the signal is killed, cancelled is said when it is dead, and the next job is served warm', async () => {
    const { log } = await worker();
    const input = { ...long, ignoreAbort: true };
    const { id: job } = await submit(small.api, 'pace', input);
    const ws = await WsClient.connect(small.gatewayUrls[0] ?? '');
    let wasAlive: boolean | undefined;
    let pid = 0;
    ws.ws.on('message', (data: Buffer) => {
      const { type, data: fields } = JSON.parse(data.toString()) as Record<string, unknown>;
      if (type === 'started') pid = hostPid(fields);
      if (type === 'cancelled') wasAlive = isAlive(pid);
    });
    await ws.command('subscribe', { job });
    const stayed = [viewer(job, 'ws', 0), viewer(job, 'sse', 1)];
    await Promise.all(stayed.map((watcher) => atStep(watcher, 5)));
    const { id: next } = await submit(small.api, 'pace', { steps: 3, everyMs: 0 });

    await cancel(job, small.api);
    const { event } = await end(job, stayed);
    await ws.record(job).ended();

    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'client' } });
    expect(event.data['stoppedAfterMs']).toBeGreaterThanOrEqual(KILL_AFTER_MS);
    expect(pid).toBeGreaterThan(0);
    expect(wasAlive).toBe(false);

    const served = await end(next);
    expect(served.record.status).toBe('completed');
    const started = served.events.find(({ type }) => type === 'started');
    const warm = log
      .map((line) => JSON.parse(line) as { msg: string; host?: string; time: number })
      .findLast(({ msg }) => msg === 'the model host is warm');
    expect(started?.data['host']).toMatch(new RegExp(`/${warm?.host}$`));
    expect(hostPid(started?.data)).not.toBe(pid);
    expect(warm?.time).toBeLessThanOrEqual(started?.at ?? 0);
    await ws.close();
  }, 60_000);
});

describe('48. policy continue', () => {
  it('48. all of 40 viewers leave: the job finishes, and late viewers get all of it', async () => {
    const { seed, random } = seeded();
    const input = { steps: 60, everyMs: 25 };
    const { id: job } = await submit(hub.api, 'pace', input);
    const early = Array.from({ length: 40 }, (_, index) =>
      watch(job, { transport: transports[index % 2] ?? 'ws', at: index >> 1 }),
    );
    await Promise.all(
      early.map(async (watcher) => {
        await atStep(watcher, 1 + Math.floor(random() * 20));
        watcher.stop();
      }),
    );
    await waitFor(async () => (await subscribedFeeds(hub.client, hub.prefix)).length === 0);
    const { record } = await endOf(job);
    const late = transports.flatMap((transport) =>
      [0, 1].map((at) => watch(job, { transport, at })),
    );
    await endOf(job, late);

    expect(record.status).toBe('completed');
    const marks = late[0]!.seen.marks;
    for (const { seen } of late) {
      expect(seen.marks).toEqual(marks);
      expect(stateFaults('pace', input, seen.state)).toEqual([]);
    }
    const wrong = early.filter(
      ({ seen }) =>
        JSON.stringify(seen.marks) !== JSON.stringify(marks.slice(0, seen.marks.length)),
    );
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  }, 60_000);
});

describe('afterwards', () => {
  it(
    'no connection, subscription, lease, key without an end, busy slot, further host or descriptor is left',
    () => expectNothingLeft(hub, baseline),
    60_000,
  );
});
