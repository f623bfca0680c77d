// Failures of the log itself: who writes it, in what order, and what of it is lost.
import { afterEach, describe, expect, it } from '@jest/globals';
import type { JobEvent } from '@stepcast/protocol';
import { RedisStore } from '@stepcast/redis';

import '../support/cleanup.js';
import { call, submit, type JobView } from '../support/clients.js';
import { startCluster, type Cluster, type ClusterOptions } from '../support/cluster.js';
import { complaint, hasSaid, metric } from '../support/insight.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { waitFor } from '../support/wait.js';
import { Watcher, stopAllWatchers } from '../support/watcher.js';

let cluster: Cluster;
let baseline: Baseline;
let store: RedisStore | undefined;

afterEach(async () => {
  await store?.close(0);
  store = undefined;
  stopAllWatchers();
  await expectNothingLeft(cluster, baseline).finally(() => cluster.stop());
}, 120_000);

const start = async (options: ClusterOptions = {}): Promise<void> => {
  cluster = await startCluster(options);
  baseline = await baselineOf(cluster);
};

/** A writer beside the workers, by the hub's own adapter. */
async function openStore(): Promise<RedisStore> {
  store = new RedisStore({ url: cluster.redis.url, keyPrefix: cluster.prefix, name: 'test' });
  await store.open();
  return store;
}

/** So many viewers per transport and gateway. */
function watchAll(job: string, perSeat = 1): Watcher[] {
  const options = { job, gateways: cluster.gatewayUrls, foldOf: sampleFold('pace') };
  return (['ws', 'sse'] as const).flatMap((transport) =>
    cluster.gateways.flatMap((_, first) =>
      Array.from({ length: perSeat }, () => new Watcher({ ...options, transport }, first)),
    ),
  );
}

const audiences = [
  { who: '2 viewers on one gateway', gateways: 1, perSeat: 1 },
  { who: '200 viewers on two gateways', gateways: 2, perSeat: 50 },
];

const steps = (watcher: Watcher): number =>
  watcher.seen.types.filter((type) => type === 'step').length;

async function allSee(watchers: Watcher[], count: number): Promise<void> {
  for (const watcher of watchers) await watcher.until(() => steps(watcher) >= count);
}

/** Every viewer has the whole job by its own fold, and the promises of the protocol were kept. */
async function allEnd(watchers: Watcher[], input: object): Promise<void> {
  for (const watcher of watchers) {
    const seen = await watcher.ended(60_000);
    expect(seen.faults).toEqual([]);
    expect(seen.state.status).toBe('completed');
    expect(stateFaults('pace', input, seen.state)).toEqual([]);
  }
}

const key = (job: string, part: string): string => `${cluster.prefix}:{${job}}:${part}`;

const log = async (job: string): Promise<JobEvent[]> =>
  (await call<{ events: JobEvent[] }>(`${cluster.api}/v1/jobs/${job}/log?limit=1000`)).body.events;

describe('two writers', () => {
  it('12. Two workers append as the same attempt: the log stays contiguous.', async () => {
    await start();
    const { writer, records } = await openStore();
    const { id: job } = await submit(cluster.api, 'pace', { steps: 100, everyMs: 20 });
    const watchers = watchAll(job);
    await allSee(watchers, 3);
    // As the same attempt a writer of another claim is refused. Only one that knows the secret of this claim,
    // as two processes never do, gets as far as the order of events.
    const token = (await cluster.client.hget(key(job, 'meta'), 'token')) ?? '';
    const twins = new Set<string>();
    for (let turn = 0; turn < 200; turn++) {
      const record = await records.get(job);
      if (record?.status !== 'running') break;
      const isTwin = turn % 4 === 3;
      // The place of its first event is a guess, right or wrong: it does not know what the other sends.
      const { kind } = await writer.append({
        job,
        attempt: 1,
        token: isTwin ? 'of another claim' : token,
        epoch: record.epoch,
        firstProducerSeq: record.top - 1 + (turn % 3),
        expectedTop: record.top,
        events: [{ type: 'step', data: `{"intruder":${turn}}` }],
      });
      if (isTwin) twins.add(kind);
    }

    for (const watcher of watchers) {
      const { faults, marks } = await watcher.ended();
      expect(faults).toEqual([]);
      expect(marks).toEqual(watchers[0]?.seen.marks);
    }
    // The last may come behind the end.
    expect([...twins].filter((kind) => kind !== 'closed')).toEqual(['fenced']);
    const events = await log(job);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === 'completed')).toHaveLength(1);
    expect(events.at(-1)?.type).toBe('completed');
    expect(events.filter(({ data }) => 'intruder' in (data as object))).not.toEqual([]);
  }, 60_000);

  it('13. Pipelined batches out of order: refused, and taken in order.', async () => {
    await start({ workers: 0 });
    const { writer } = await openStore();
    const { id: job } = await submit(cluster.api, 'pace', { steps: 60 });
    const watchers = watchAll(job);
    const claim = await writer.claim(job, 'test');
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    const event = (step: number) => ({ type: 'step', data: `{"step":${step},"of":60}` });
    const send = (step: number) =>
      writer.append({
        ...{ job, attempt: claim.attempt, token: claim.token, epoch: claim.record.epoch },
        ...{ firstProducerSeq: step, expectedTop: claim.record.top, events: [event(step)] },
      });

    let next = 1;
    while (next <= 60) {
      // All in one turn: one pipeline, in which the first comes last.
      const group = [next + 2, next + 1, next];
      const [late, middle, first] = await Promise.all(group.map(send));
      expect(late).toEqual({ kind: 'gap', expectedProducerSeq: next });
      expect(middle).toEqual({ kind: 'gap', expectedProducerSeq: next });
      expect(first?.kind).toBe('stored');
      for (const step of [next + 1, next + 2]) expect((await send(step)).kind).toBe('stored');
      next += 3;
    }
    await writer.append({
      ...{ job, attempt: 1, token: claim.token, epoch: claim.record.epoch },
      ...{ firstProducerSeq: 61, expectedTop: 61 },
      events: [{ type: 'completed', data: '{"output":{"steps":60},"metrics":{}}' }],
    });

    await allEnd(watchers, { steps: 60 });
    // It finds the end in the log, and takes the job out of the queue.
    await cluster.add('worker');
  }, 60_000);

  it('13. A worker that is told of a gap behind what it has stored: a new life of the log, with all of it.', async () => {
    await start({ through: ['worker'] });
    let gaps = 0;
    cluster.proxies.worker!.judgeReplies((frame) => {
      if (frame.toString('latin1').startsWith('*2\r\n$3\r\ngap\r\n')) gaps++;
      return 'pass';
    });
    const input = { steps: 150, everyMs: 20 };
    const { id: job } = await submit(cluster.api, 'pace', input);
    const watchers = watchAll(job);
    await allSee(watchers, 20);
    // A worker sends one batch at a time, in order: only a record that counts wrongly sees it skip some.
    await cluster.client.hincrby(key(job, 'meta'), 'pseq', -5);

    await allEnd(watchers, input);
    expect(gaps).toBe(1);
    for (const { connects, seen } of watchers)
      expect([connects, seen.resets]).toEqual([1, ['lost']]);
    expect(await metric(cluster.workers[0]!, 'stepcast_worker_logs_restored_total')).toBe(1);
  }, 60_000);
});

describe('Redis forgets, or has no room', () => {
  it.each(audiences)(
    '14. SCRIPT FLUSH mid-run: nothing lost or twice, for $who.',
    async ({ gateways, perSeat }) => {
      await start({ gateways });
      const input = { steps: 300, everyMs: 5 };
      const { id: job } = await submit(cluster.api, 'pace', input);
      const watchers = watchAll(job, perSeat);
      for (let count = 10; count < 300; count += 20) {
        await allSee(watchers.slice(0, 1), count);
        await cluster.client.script('FLUSH');
      }

      await allEnd(watchers, input);
      for (const { connects, seen } of watchers) expect([connects, seen.resets]).toEqual([1, []]);
    },
    60_000,
  );

  it('15. Redis at maxmemory with noeviction: the worker waits and says so; recovers when memory is freed.', async () => {
    await start();
    const [worker] = cluster.workers;
    const input = { steps: 200, everyMs: 20 };
    const { id: job } = await submit(cluster.api, 'pace', input);
    const watchers = watchAll(job);
    await allSee(watchers, 20);

    await cluster.client.config('SET', 'maxmemory', '1');
    await waitFor(() => hasSaid(worker!, 'the store is unavailable: the job waits'));
    await waitFor(async () => (await metric(worker!, 'stepcast_worker_store_waiting')) > 0);
    for (const app of [...cluster.apis, ...cluster.gateways, ...cluster.workers]) {
      await waitFor(async () => /full.*OOM/.test(await complaint(app, 'redis')), 15_000);
      expect(await metric(app, 'stepcast_store_up')).toBe(0);
      await waitFor(() => hasSaid(app, 'Redis cannot be used: full: OOM'));
    }
    const refused = await call(`${cluster.api}/v1/jobs`, { body: { model: 'pace', input: {} } });
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });

    await cluster.client.config('SET', 'maxmemory', '0');
    await allEnd(watchers, input);
    for (const { connects, seen } of watchers) expect([connects, seen.resets]).toEqual([1, []]);
    for (const app of [...cluster.apis, ...cluster.gateways, ...cluster.workers]) {
      await waitFor(async () => (await complaint(app, 'redis')) === '', 15_000);
      await waitFor(() => hasSaid(app, 'Redis has been full for'));
    }
    await waitFor(() => hasSaid(worker!, 'the store is there again: the job goes on'));
    await waitFor(async () => (await metric(worker!, 'stepcast_worker_store_waiting')) === 0);
    const { body } = await call<JobView>(`${cluster.api}/v1/jobs/${job}`);
    expect(body).toMatchObject({ status: 'completed', attempt: 1 });
  }, 90_000);
});

describe('keys of a job vanish', () => {
  it.each(audiences)(
    "16. The job's meta key vanishes mid-run: new epoch + snapshot, never a silent restart at seq 1, for $who.",
    async ({ gateways, perSeat }) => {
      await start({ gateways });
      const input = { steps: 150, everyMs: 20 };
      const { id: job } = await submit(cluster.api, 'pace', input);
      const watchers = watchAll(job, perSeat);
      await allSee(watchers, 20);
      const before = (await call<JobView>(`${cluster.api}/v1/jobs/${job}`)).body;
      await cluster.client.del(key(job, 'meta'));

      await allEnd(watchers, input);
      for (const { connects, seen } of watchers)
        expect([connects, seen.resets]).toEqual([1, ['lost']]);
      const { body: after } = await call<JobView>(`${cluster.api}/v1/jobs/${job}`);
      const [epoch, seq] = after.position.split('.');
      expect(epoch).not.toBe(before.position.split('.')[0]);
      expect(Number(seq)).toBeGreaterThan(150);
      expect(await metric(cluster.workers[0]!, 'stepcast_worker_logs_restored_total')).toBe(1);
    },
    60_000,
  );

  it('17. The stream key vanishes, meta stays: the next viewer gets a snapshot, not an empty stream.', async () => {
    await start();
    const [worker] = cluster.workers;
    // Longer than a gateway takes to start on a busy machine.
    const input = { steps: 600, everyMs: 20 };
    const { id: job } = await submit(cluster.api, 'pace', input);
    const early = watchAll(job);
    await allSee(early, 20);
    // Warm channels know the events still; a gateway that was not asked yet reads what is left.
    await cluster.add('gateway');
    // Stopped, so that it does not bring the log back before the others have come.
    await worker!.kill('SIGSTOP');
    await cluster.client.del(key(job, 'log'));
    const late = watchAll(job);
    for (const watcher of late) {
      await watcher.until(() => watcher.seen.state.status === 'running');
      expect(watcher.seen.seq).toBeGreaterThan(20);
    }
    const cold = late.filter(({ seen }) => seen.resets.length > 0);
    expect(cold.map(({ seen }) => seen.resets)).toEqual([['trimmed'], ['trimmed']]);
    await worker!.kill('SIGCONT');

    await allEnd([...early, ...late], input);
    for (const { seen } of late) expect(seen.resets.at(-1)).toBe('lost');
    for (const { seen } of early) expect(seen.resets).toEqual(['lost']);
  }, 60_000);

  it('17. The stream key of a finished job vanishes: the next viewer gets its end from the record.', async () => {
    await start();
    const { id: job } = await submit(cluster.api, 'pace', { steps: 5, everyMs: 0 });
    const [first] = watchAll(job);
    await first!.ended();
    await cluster.client.del(key(job, 'log'));
    // Warm channels know the events still; a gateway that was not asked yet does not.
    const fresh = await cluster.add('gateway');

    for (const transport of ['ws', 'sse'] as const) {
      const watcher = new Watcher({
        ...{ job, transport, gateways: [fresh.url], foldOf: sampleFold('pace') },
      });
      const seen = await watcher.ended();
      expect(seen.resets).toEqual(['trimmed']);
      expect(seen.state).toMatchObject({ status: 'completed', end: { type: 'completed' } });
      expect(seen.faults).toEqual([]);
    }
    const { body } = await call(`${cluster.api}/v1/jobs/${job}/log`);
    expect(body).toMatchObject({ events: [], closed: true, snapshot: expect.anything() });
  }, 60_000);
});
