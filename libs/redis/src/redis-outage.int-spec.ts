import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobDriver, cancelPolicy, newJobId, step } from '../../hub/testing/job-driver.js';
import type { StoreUnderTest } from '../../hub/testing/store-under-test.js';
import { waitFor } from '../../hub/testing/wait-for.js';
import { PrivateRedis } from '../testing/private-redis.js';
import { openTestStore, type TestStore } from '../testing/test-redis.js';

let redis: PrivateRedis;
let test: TestStore;

beforeEach(async () => {
  redis = await PrivateRedis.start();
  test = await openTestStore(redis.url);
});

afterEach(async () => {
  await test.dispose();
  await redis.dispose();
});

const start = (options = {}) => JobDriver.start(test.store as unknown as StoreUnderTest, options);

describe('a full Redis', () => {
  it('refuses a batch whole with unavailable, and takes it when there is room', async () => {
    const job = await start();
    await job.append(step(1));
    await test.admin.config('SET', 'maxmemory', '1');

    await expect(job.append(step(2), step(3))).rejects.toMatchObject({ code: 'unavailable' });

    await test.admin.config('SET', 'maxmemory', '0');
    expect(await job.append(step(2), step(3))).toEqual({ kind: 'stored', top: 4 });
    expect(await job.types()).toEqual(['queued', 'step', 'step', 'step']);
  });
});

describe('a Redis that crashes and comes back empty', () => {
  it('lets a running job continue in a new epoch (L6)', async () => {
    const job = await start();
    await job.append(step(1));
    await redis.kill();
    const sent = job.append(step(2));
    await redis.start();

    expect(await sent).toEqual({ kind: 'lost' });
    expect(await test.store.writer.restore(job.restoration())).toBe('restored');
    job.epoch = 'e2';
    job.top += 1;
    expect(await job.append(step(2))).toEqual({ kind: 'stored', top: 4 });
  });

  it('is heard again, and the interruption is told', async () => {
    const job = await start();
    const heard: string[] = [];
    let interruptions = 0;
    test.store.feed.onInterrupted(() => {
      interruptions += 1;
    });
    await test.store.feed.subscribe(job.job, (batch) => heard.push(batch.epoch));
    await redis.kill();
    await redis.start();
    await waitFor(() => interruptions > 0, 'the interruption');
    await test.store.writer.restore(job.restoration());
    await waitFor(() => heard.length > 0, 'the snapshot');

    expect(heard).toEqual(['e2']);
  });
});

describe('a Redis that is away', () => {
  it('fails calls with unavailable after a few seconds', async () => {
    const job = await start();
    await redis.kill();
    const began = performance.now();

    await expect(job.append(step(1))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(test.store.ping()).rejects.toMatchObject({ retryable: true });

    expect(performance.now() - began).toBeLessThan(15_000);
    await redis.start();
    await waitFor(() => test.store.ping().catch(() => false), 'an answer');
  }, 40_000);

  it('for longer than leases live stops no job whose viewers are still there', async () => {
    const job = await start(cancelPolicy(0));
    await test.store.leases.hold(job.job, 'g1', 1_000);
    await test.admin.call('DEBUG', 'SLEEP', '2.8');

    expect(await test.store.writer.check(job.owner)).toEqual({ kind: 'running' });
    await test.store.leases.refresh([job.job], 'g1', 60_000);
    expect(await job.append(step(1))).toEqual({ kind: 'stored', top: 2 });
  });
});

describe('subscriptions', () => {
  it('of one turn go out in one command', async () => {
    const calls = async (): Promise<number> => {
      const stats = await test.admin.info('commandstats');
      return Number(/cmdstat_subscribe:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await calls();
    const jobs = Array.from({ length: 500 }, () => newJobId());
    await Promise.all(jobs.map((job) => test.store.feed.subscribe(job, () => undefined)));

    expect((await calls()) - before).toBe(1);
  });
});
