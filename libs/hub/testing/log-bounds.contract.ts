/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMPLETED, JobDriver, cancelPolicy, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

/** L8 of ports/job-log.port.ts, and the limits of reading. */
export function describeLogBoundsContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  const snapshotOf = (job: JobDriver, seq: number) => ({
    ...job.owner,
    epoch: job.epoch,
    seq,
    state: `{"upTo": ${seq}}`,
  });

  describe('JobLogWriter.saveSnapshot', () => {
    it('stands for the events up to its seq, which are trimmed (L8)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1), step(2), step(3));

      expect(await store.writer.saveSnapshot(snapshotOf(job, 3))).toBe(true);

      const page = await store.reader.read(job.job, 0, 10);
      expect(page?.snapshot).toEqual({ seq: 3, state: '{"upTo": 3}' });
      expect(page?.entries.map((entry) => entry.seq)).toEqual([4]);
      expect(await store.reader.read(job.job, 1, 10)).toMatchObject({ snapshot: { seq: 3 } });
    });

    it('is not given to readers who need none', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1), step(2), step(3));
      await store.writer.saveSnapshot(snapshotOf(job, 3));

      expect((await store.reader.read(job.job, 3, 10))?.snapshot).toBeUndefined();
      expect((await store.reader.read(job.job, 4, 10))?.snapshot).toBeUndefined();
    });

    it('may stand for everything, and the log goes on behind it', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await store.writer.saveSnapshot(snapshotOf(job, 2));

      expect(await store.reader.read(job.job, 0, 10)).toMatchObject({
        entries: [],
        snapshot: { seq: 2 },
      });
      expect(await job.append(step(2))).toEqual({ kind: 'stored', top: 3 });
    });

    it('is refused for another attempt, claim or epoch, above the top and after the end', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      const snapshot = snapshotOf(job, 2);

      expect(await store.writer.saveSnapshot({ ...snapshot, attempt: 2 })).toBe(false);
      expect(await store.writer.saveSnapshot({ ...snapshot, token: 'another' })).toBe(false);
      expect(await store.writer.saveSnapshot({ ...snapshot, epoch: 'e2' })).toBe(false);
      expect(await store.writer.saveSnapshot({ ...snapshot, seq: 3 })).toBe(false);
      expect(await store.writer.saveSnapshot({ ...snapshot, job: 'nobody' })).toBe(false);
      await job.append(COMPLETED);
      expect(await store.writer.saveSnapshot(snapshot)).toBe(false);
      expect(await job.entries()).toHaveLength(3);
    });

    it('never takes the place of a newer one', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1), step(2));
      await store.writer.saveSnapshot(snapshotOf(job, 3));
      await store.writer.saveSnapshot(snapshotOf(job, 2));

      expect((await store.reader.read(job.job, 0, 10))?.snapshot?.seq).toBe(3);
    });
  });

  describe('the life of a job', () => {
    it('has an end while the job is open (L8)', async () => {
      const job = await JobDriver.start(store, cancelPolicy(1_000));
      await store.leases.hold(job.job, 'g1', 1_000);
      await job.append(step(1), step(2));
      await store.writer.saveSnapshot(snapshotOf(job, 2));

      const lives = await store.lives(job.job);

      expect(Math.min(...lives)).toBeGreaterThan(60_000);
    });

    it('ends with every key after retainMs, whatever ended it (L8)', async () => {
      const completed = await JobDriver.start(store, cancelPolicy(1_000));
      await store.leases.hold(completed.job, 'g1', 100_000);
      await completed.append(step(1));
      await store.writer.saveSnapshot(snapshotOf(completed, 1));
      await completed.append(COMPLETED);
      const failed = await JobDriver.start(store);
      await store.records.fail(failed.job, 'worker_lost', 'gone');
      const cancelled = await JobDriver.create(store);
      await store.records.cancel(cancelled.job, 'client', '');

      for (const { job } of [completed, failed, cancelled]) {
        const lives = await store.lives(job);
        expect(lives.length).toBeGreaterThan(0);
        expect(Math.min(...lives)).toBeGreaterThan(0);
        expect(Math.max(...lives)).toBeLessThanOrEqual(60_000);
      }
    });

    it('is over when retainMs is over', async () => {
      const job = await JobDriver.start(store, { retainMs: 20 });
      await job.append(COMPLETED);
      await store.elapse(40);

      expect(await store.records.get(job.job)).toBeUndefined();
      expect(await store.reader.read(job.job, 0, 10)).toBeUndefined();
      expect(await store.writer.claim(job.job, 'w1')).toEqual({ kind: 'missing' });
      expect(await store.lives(job.job)).toEqual([]);
    });
  });

  describe('JobLogReader', () => {
    it('reads record and events behind a seq', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1), step(2));

      const page = await store.reader.read(job.job, 1, 10);

      expect(page?.record).toMatchObject({ id: job.job, top: 3, status: 'running' });
      expect(page?.entries.map((entry) => [entry.seq, entry.type])).toEqual([
        [2, 'step'],
        [3, 'step'],
      ]);
      expect((await store.reader.read(job.job, 3, 10))?.entries).toEqual([]);
      expect((await store.reader.read(job.job, 99, 10))?.entries).toEqual([]);
      expect(await store.reader.read('nobody', 0, 10)).toBeUndefined();
    });

    it('reads no more events than asked for', async () => {
      const job = await JobDriver.start(store);
      await job.append(...Array.from({ length: 200 }, (_, i) => step(i)));

      expect((await store.reader.read(job.job, 10, 150))?.entries).toHaveLength(150);
      expect((await store.reader.read(job.job, 0, 1_000))?.entries).toHaveLength(201);
    });

    it('reads about a mebibyte at most, and one event at least', async () => {
      const job = await JobDriver.start(store);
      const large = { type: 'preview', data: `"${'x'.repeat(400_000)}"` };
      await job.append(large, large, large, large);

      expect((await store.reader.read(job.job, 1, 10))?.entries).toHaveLength(2);
      await job.append({ type: 'preview', data: `"${'x'.repeat(1_200_000)}"` });
      expect((await store.reader.read(job.job, 5, 10))?.entries).toHaveLength(1);
    });

    it('reads the heads of many jobs', async () => {
      const first = await JobDriver.start(store);
      const second = await JobDriver.create(store);
      await first.append(step(1));

      expect(await store.reader.heads([second.job, 'nobody', first.job])).toEqual([
        { epoch: 'e1', top: 1 },
        undefined,
        { epoch: 'e1', top: 2 },
      ]);
      expect(await store.reader.heads([])).toEqual([]);
    });
  });
}
