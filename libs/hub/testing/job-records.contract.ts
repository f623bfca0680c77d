/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMPLETED, JobDriver, cancelPolicy, dataOf, newJob, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

export function describeJobRecordsContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  const lastData = async (job: JobDriver) => dataOf((await job.entries()).at(-1));

  describe('JobRecords.create', () => {
    it('writes the record and the queued event', async () => {
      const job = newJob();
      const { created, record } = await store.records.create(job);

      const { id, model, options } = job;
      const createdAt = expect.any(Number);
      expect(created).toBe(true);
      expect(record).toEqual({
        ...{ id, model, options, createdAt },
        ...{ status: 'queued', attempt: 0, epoch: 'e1', top: 1 },
      });
      expect(await store.records.get(id)).toEqual(record);
      const page = await store.reader.read(id, 0, 10);
      expect(JSON.parse(page!.entries[0]!.json)).toEqual({
        ...{ job: id, seq: 1, attempt: 0, type: 'queued', at: record.createdAt },
        data: { model },
      });
    });

    it('returns a job that exists as it is', async () => {
      const job = newJob();
      await store.records.create(job);
      await store.writer.claim(job.id, 'w1');

      const again = await store.records.create({ ...job, epoch: 'e9', model: 'other' });

      expect(again.created).toBe(false);
      expect(again.record).toMatchObject({ model: 'sketch', epoch: 'e1', status: 'running' });
    });
  });

  describe('JobRecords.list', () => {
    it('gives pages, newest first', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.push((await JobDriver.create(store)).job);
      const listed: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await store.records.list({ limit: 2, ...(cursor && { cursor }) });
        listed.push(...page.records.map((record) => record.id));
        cursor = page.nextCursor;
        pages += 1;
      } while (cursor);

      expect(listed).toEqual(ids.reverse());
      expect(pages).toBe(3);
    });

    it('filters by model and status', async () => {
      const done = await JobDriver.start(store);
      await done.append(COMPLETED);
      await JobDriver.create(store);
      const other = newJob({}, { model: 'writer' });
      await store.records.create(other);

      const idsOf = async (query: object) =>
        (await store.records.list({ limit: 10, ...query })).records.map((record) => record.id);

      expect(await idsOf({ status: 'completed' })).toEqual([done.job]);
      expect(await idsOf({ model: 'writer' })).toEqual([other.id]);
      expect(await idsOf({ model: 'writer', status: 'completed' })).toEqual([]);
    });

    it('leaves out jobs whose retention is over', async () => {
      const gone = await JobDriver.start(store, { retainMs: 10 });
      await gone.append(COMPLETED);
      const kept = await JobDriver.create(store);
      await store.elapse(20);

      const { records } = await store.records.list({ limit: 10 });

      expect(records.map((record) => record.id)).toEqual([kept.job]);
    });

    it.each(['', 'not a cursor', '%%%', '\u0000'])('refuses the cursor %j', async (cursor) => {
      await expect(store.records.list({ limit: 1, cursor })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    });
  });

  describe('JobRecords.cancel', () => {
    it('closes a queued job at once', async () => {
      const job = await JobDriver.create(store);

      expect(await store.records.cancel(job.job, 'client', 'no "need"')).toEqual({
        kind: 'closed',
      });
      expect(await lastData(job)).toEqual({ by: 'client', reason: 'no "need"', stoppedAfterMs: 0 });
      expect(await store.records.get(job.job)).toMatchObject({
        status: 'cancelled',
        stop: { by: 'client', reason: 'no "need"' },
      });
    });

    it('closes a job between two attempts at once', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await store.writer.requeue(job.owner);

      expect(await store.records.cancel(job.job, 'client', '')).toEqual({ kind: 'closed' });
      expect(await job.append(step(2))).toEqual({ kind: 'closed' });
    });

    it('orders a running job to stop and names its worker; the first order wins', async () => {
      const job = await JobDriver.start(store);
      const first = await store.records.cancel(job.job, 'client', 'first');
      const second = await store.records.cancel(job.job, 'timeout', 'second');

      expect([first, second]).toEqual([
        { kind: 'ordered', worker: 'w1' },
        { kind: 'ordered', worker: 'w1' },
      ]);
      const record = await store.records.get(job.job);
      expect(record).toMatchObject({ status: 'running', stop: { by: 'client', reason: 'first' } });
    });

    it('makes one terminal event when it is called a hundred times at once', async () => {
      const job = await JobDriver.create(store);
      const results = await Promise.all(
        Array.from({ length: 100 }, () => store.records.cancel(job.job, 'client', '')),
      );

      expect(results.filter((result) => result.kind === 'closed')).toHaveLength(1);
      expect(results.filter((result) => result.kind === 'already_finished')).toHaveLength(99);
      expect(await job.types()).toEqual(['queued', 'cancelled']);
    });

    it('knows ended and unknown jobs', async () => {
      const job = await JobDriver.start(store);
      await job.append(COMPLETED);

      expect(await store.records.cancel(job.job, 'client', '')).toEqual({
        kind: 'already_finished',
      });
      expect(await store.records.cancel('nobody', 'client', '')).toEqual({ kind: 'missing' });
    });
  });

  describe('JobRecords.fail', () => {
    it('fences the last attempt and ends the job', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));

      expect(await store.records.fail(job.job, 'worker_lost', 'gone')).toBe(true);

      expect(await job.append(step(2))).toEqual({ kind: 'closed' });
      expect(await job.types()).toEqual(['queued', 'step', 'failed']);
      expect(await lastData(job)).toEqual({ code: 'worker_lost', message: 'gone' });
      expect(await store.records.get(job.job)).toMatchObject({ status: 'failed', attempt: 2 });
    });

    it('leaves ended and unknown jobs alone', async () => {
      const job = await JobDriver.start(store);
      await job.append(COMPLETED);

      expect(await store.records.fail(job.job, 'worker_lost', 'gone')).toBe(false);
      expect(await store.records.fail('nobody', 'worker_lost', 'gone')).toBe(false);
    });
  });

  describe('JobRecords.open and sweep', () => {
    it('list what has not ended, oldest first', async () => {
      const jobs: JobDriver[] = [];
      for (let i = 0; i < 4; i++) jobs.push(await JobDriver.start(store));
      await jobs[1]!.append(COMPLETED);
      await store.records.fail(jobs[2]!.job, 'worker_lost', 'gone');

      expect(await store.records.open(10, 0)).toEqual([jobs[0]!.job, jobs[3]!.job]);
      expect(await store.records.open(1, 1)).toEqual([jobs[3]!.job]);
    });

    it('leave waiting and running jobs that are wanted', async () => {
      const waiting = await JobDriver.create(store);
      const running = await JobDriver.start(store);

      expect(await store.records.sweep(waiting.job)).toBe(false);
      expect(await store.records.sweep(running.job)).toBe(false);
      expect(await store.records.open(10, 0)).toEqual([waiting.job, running.job]);
    });

    it('close a waiting job whose start deadline has passed', async () => {
      const job = await JobDriver.create(store, { startTimeoutMs: 5 });
      await store.elapse(10);

      expect(await store.records.sweep(job.job)).toBe(true);
      expect(await lastData(job)).toMatchObject({ by: 'timeout', stoppedAfterMs: 0 });
      expect(await store.records.open(10, 0)).toEqual([]);
    });

    it('close a waiting job that nobody wants, and not a running one', async () => {
      const options = { ...cancelPolicy(0), firstAttachMs: 400 };
      const waiting = await JobDriver.create(store, options);
      const running = await JobDriver.start(store, options);
      await store.elapse(410);

      expect(await store.records.sweep(waiting.job)).toBe(true);
      expect(await lastData(waiting)).toMatchObject({ by: 'disconnect' });
      expect(await store.records.sweep(running.job)).toBe(false);
      expect(await store.records.get(running.job)).toMatchObject({ status: 'running' });
    });

    it('drop ended and vanished jobs', async () => {
      const job = await JobDriver.create(store);
      await store.loseRecord(job.job);

      expect(await store.records.sweep(job.job)).toBe(true);
      expect(await store.records.open(10, 0)).toEqual([]);
    });
  });

  describe('JobRecords.reserveKey', () => {
    it('gives every caller what the first one put there, until its time is over', async () => {
      const mine = { job: 'a', fingerprint: 'f' };
      const other = { job: 'b', fingerprint: 'g' };

      expect(await store.records.reserveKey('key one', mine, 400)).toEqual(mine);
      expect(await store.records.reserveKey('key one', other, 400)).toEqual(mine);
      expect(await store.records.reserveKey('key two', other, 400)).toEqual(other);
      await store.elapse(410);
      expect(await store.records.reserveKey('key one', other, 400)).toEqual(other);
    });
  });
}
