import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  COMPLETED,
  JobDriver,
  cancelPolicy,
  newJob,
  newJobId,
  step,
} from '../../hub/testing/job-driver.js';
import type { StoreUnderTest } from '../../hub/testing/store-under-test.js';
import { waitFor } from '../../hub/testing/wait-for.js';
import { Scripts } from './scripts.js';
import { openTestStore, type TestStore } from '../testing/test-redis.js';

let test: TestStore;
beforeEach(async () => (test = await openTestStore()));
afterEach(() => test.dispose());

const driver = (options = {}) => JobDriver.start(test.store as unknown as StoreUnderTest, options);

const connections = async (): Promise<string[]> =>
  String(await test.admin.client('LIST'))
    .split('\n')
    .filter((line) => line.includes(`name=${test.prefix}:`) && !line.includes(':admin:'));

/** Cuts one connection of the store, as a network does. */
const kill = async (role: 'commands' | 'subscriber'): Promise<void> => {
  const line = (await connections()).find((each) => each.includes(`:${role} `));
  await test.admin.client('KILL', 'ID', /id=(\d+)/.exec(line!)![1]!);
};

describe('SCRIPT FLUSH', () => {
  it('in the middle of a run loses nothing and stores nothing twice', async () => {
    const job = await driver();
    for (let n = 1; n <= 60; n++) {
      if (n % 10 === 0) await test.admin.script('FLUSH');
      const batch = job.batch(step(n));
      await job.append(step(n));
      if (n % 10 === 5) await test.admin.script('FLUSH');
      await test.store.writer.append(batch);
    }

    const entries = await job.entries();
    expect(entries.map((entry) => entry.seq)).toEqual(entries.map((_, i) => i + 1));
    expect(entries).toHaveLength(61);
  });

  it('hits many jobs at once without harm', async () => {
    const jobs = await Promise.all(Array.from({ length: 20 }, () => driver()));
    await test.admin.script('FLUSH');
    const results = await Promise.all(jobs.map((job) => job.append(step(1))));

    expect(results).toEqual(jobs.map(() => ({ kind: 'stored', top: 2 })));
  });
});

describe('a server that lost the tail of a log together with its worker', () => {
  it('is told by its run id: the next claim begins a new epoch with the log that is left', async () => {
    const job = await driver();
    await job.append(step(1));
    const before = await test.store.records.get(job.job);
    await test.admin.hset(`${test.prefix}:{${job.job}}:meta`, 'server', 'the one before');
    const claim = await test.store.writer.claim(job.job, 'w2');

    const page = await test.store.reader.read(job.job, 0, 10);
    expect(claim.kind).toBe('claimed');
    expect(page?.record.epoch).not.toBe(before?.epoch);
    expect(page?.record.epoch).toMatch(/^[A-Za-z0-9]{1,12}$/);
    expect(page?.entries.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it.each([
    ['cancelled', (id: string) => test.store.records.cancel(id, 'client', 'enough')],
    ['failed', (id: string) => test.store.records.fail(id, 'worker_lost', 'gone')],
  ])('gets a new epoch from an end from outside too: %s', async (type, end) => {
    const { id } = newJob();
    const { record } = await test.store.records.create({ ...newJob(), id });
    await test.admin.hset(`${test.prefix}:{${id}}:meta`, 'server', 'the one before');
    await end(id);

    const page = await test.store.reader.read(id, 0, 10);
    expect(page?.record).toMatchObject({ status: type });
    expect(page?.record.epoch).not.toBe(record.epoch);
    expect(page?.record.epoch).toMatch(/^[A-Za-z0-9]{1,12}$/);
    expect(page?.entries.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('is not suspected while the server is the same: attempts share the epoch', async () => {
    const job = await driver();
    const before = await test.store.records.get(job.job);
    await test.store.writer.claim(job.job, 'w2');

    expect((await test.store.records.get(job.job))?.epoch).toBe(before?.epoch);
  });
});

describe('connections', () => {
  it('are two, whatever the number of jobs', async () => {
    const jobs = Array.from({ length: 200 }, () => newJobId());
    await Promise.all(jobs.map((job) => test.store.feed.subscribe(job, () => undefined)));

    expect(await connections()).toHaveLength(2);
  });

  it('that are killed hear everything again, and say so once they do', async () => {
    const jobs = await Promise.all(Array.from({ length: 30 }, () => driver()));
    const heard: string[] = [];
    for (const job of jobs) await test.store.feed.subscribe(job.job, () => heard.push(job.job));
    let interruptions = 0;
    test.store.feed.onInterrupted(() => {
      interruptions += 1;
    });
    await kill('subscriber');
    await waitFor(() => interruptions === 1, 'the interruption');
    await Promise.all(jobs.map((job) => job.append(step(1))));
    await waitFor(() => heard.length === jobs.length, 'every feed');

    expect(interruptions).toBe(1);
    expect(heard.sort()).toEqual(jobs.map((job) => job.job));
  });

  it('that are killed while appending lose nothing and store nothing twice', async () => {
    const job = await driver();
    for (let n = 1; n <= 30; n++) {
      const sent = job.append(step(n));
      if (n % 10 === 0) await kill('commands');
      await sent;
    }

    expect(await job.entries(1)).toHaveLength(30);
  });

  it('have proven by a probe that pub/sub delivers when the store is open', async () => {
    expect(test.store.canary.ageMs).toBeLessThan(5_000);
    expect(await test.store.ping()).toBeLessThan(1_000);
  });
});

describe('claim', () => {
  it('sent twice because the reply was lost takes one attempt', async () => {
    const { id } = newJob();
    await test.store.records.create(newJob({}, { id }));
    const scripts = new Scripts(test.admin);
    const claim = () => scripts.run('claim', test.keys.all(id), [id, 'w1', 'token', '', 'status']);

    expect([await claim(), await claim()]).toEqual([
      ['claimed', 1, expect.any(Number), expect.any(String), ['running']],
      ['claimed', 1, expect.any(Number), expect.any(String), ['running']],
    ]);
  });
});

describe('a lease that expired while nobody looked at the job', () => {
  it('is believed only after a while: Redis itself may have been away', async () => {
    const job = await driver(cancelPolicy(0));
    const meta = test.keys.meta(job.job);
    await test.store.leases.hold(job.job, 'g1', 1);
    await test.admin.hset(meta, 'seenAt', Date.now() - 3_000);
    await waitFor(() => test.admin.zcount(test.keys.holders(job.job), 0, Date.now() - 5));

    expect(await test.store.writer.check(job.owner)).toEqual({ kind: 'running' });
    expect(Number(await test.admin.hget(meta, 'trustAt'))).toBeGreaterThan(Date.now() + 3_000);

    await test.admin.hset(meta, 'trustAt', Date.now() - 1);
    expect(await test.store.writer.check(job.owner)).toMatchObject({
      stop: { by: 'disconnect' },
    });
  });
});

describe('the index of jobs', () => {
  it('forgets jobs whose records are gone even if nobody lists it', async () => {
    const create = () => test.store.records.create(newJob());
    for (let n = 0; n < 10; n++) {
      const job = await driver();
      await job.append(COMPLETED);
      await test.admin.del(test.keys.meta(job.job));
    }
    await waitFor(async () => {
      const { record } = await create();
      await test.admin.zrem(test.keys.jobs, record.id);
      return (await test.admin.zcard(test.keys.jobs)) === 0;
    }, 'an empty index');

    expect(await test.admin.zcard(test.keys.jobs)).toBe(0);
  });

  it('opens a job again whose end Redis has lost, but not that it was taken from the open ones', async () => {
    const waiting = await driver();
    const ended = await driver();
    await ended.append(COMPLETED);
    await test.admin.zrem(test.keys.open, waiting.job);

    await test.store.records.list({ limit: 10 });

    const open = await test.store.records.open(1_000, 0);
    expect(open).toContain(waiting.job);
    expect(open).not.toContain(ended.job);
  });
});
