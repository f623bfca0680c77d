/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMPLETED, JobDriver, cancelPolicy, dataOf, newJob, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

/** L6 of ports/job-log.port.ts: what happens when the store has lost something. */
export function describeLogLossContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  describe('a log that was lost', () => {
    it('is never begun anew behind the back of its writer when the record is gone (L6)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await store.loseRecord(job.job);

      expect(await job.append(step(2))).toEqual({ kind: 'lost' });
      expect(await store.writer.check(job.owner)).toEqual({ kind: 'lost' });
      expect(await store.reader.read(job.job, 0, 10)).toBeUndefined();
    });

    it('is noticed when only the events are gone (L6)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await store.loseLog(job.job);

      expect(await job.append(step(2))).toEqual({ kind: 'lost' });
      expect(await store.writer.check(job.owner)).toEqual({ kind: 'lost' });
      const page = await store.reader.read(job.job, 0, 10);
      expect(page).toMatchObject({ record: { top: 2 }, entries: [] });
      expect(page?.snapshot).toBeUndefined();
    });

    it('is noticed when the tail is gone, or it is another life (L6)', async () => {
      const job = await JobDriver.start(store);
      const batch = job.batch(step(1));

      expect(await store.writer.append({ ...batch, expectedTop: 2 })).toEqual({ kind: 'lost' });
      expect(await store.writer.append({ ...batch, epoch: 'e0' })).toEqual({ kind: 'lost' });
      expect(await store.writer.append({ ...batch, attempt: 2 })).toEqual({ kind: 'lost' });
      expect(await job.entries()).toHaveLength(1);
    });

    it('is no matter to a writer that knows less than the log holds', async () => {
      const job = await JobDriver.start(store);

      expect(await store.writer.append({ ...job.batch(step(1)), expectedTop: 0 })).toEqual({
        kind: 'stored',
        top: 2,
      });
    });
  });

  describe('a store that has forgotten a claim and gives its number out again', () => {
    /** Two workers that live; both have claimed attempt 1, in an epoch of one name. */
    const twins = async () => {
      const older = await JobDriver.start(store);
      await store.loseRecord(older.job);
      await store.records.create(newJob({}, { id: older.job }));
      const newer = new JobDriver(store, older.record);
      await newer.claim('w2');
      return { older, newer };
    };

    it('refuses whatever the first sends, and takes what the second does (L3)', async () => {
      const { older, newer } = await twins();
      const checkpoint = { epoch: 'e1', seq: 1, version: '1', data: '' };

      expect(newer.attempt).toBe(older.attempt);
      expect(await older.append(step(1))).toEqual({ kind: 'fenced' });
      expect(await store.writer.check(older.owner)).toEqual({ kind: 'fenced' });
      expect(await store.writer.saveCheckpoint({ ...older.owner, ...checkpoint })).toBe('fenced');
      expect(await store.writer.restore(older.restoration())).toBe('fenced');
      await store.writer.requeue(older.owner);

      expect(await newer.append(step(1))).toEqual({ kind: 'stored', top: 2 });
      expect(await store.writer.check(newer.owner)).toEqual({ kind: 'running' });
    });

    it('is brought back by one of them, and refuses the other (L3, L6)', async () => {
      const { older, newer } = await twins();
      await store.loseRecord(older.job);

      expect(await store.writer.restore(newer.restoration('e2'))).toBe('restored');
      expect(await store.writer.restore(older.restoration('e3'))).toBe('fenced');
      newer.epoch = 'e2';
      newer.top = 2;
      expect(await newer.append(step(1))).toMatchObject({ kind: 'stored' });
    });

    it('leaves the job to the claim that was made last, whatever the numbers (L3)', async () => {
      const older = await JobDriver.start(store);
      await older.claim('w1');
      await store.elapse(5);
      await store.loseRecord(older.job);
      await store.records.create(newJob({}, { id: older.job }));
      const newer = new JobDriver(store, older.record);
      await newer.claim('w2');

      expect([older.attempt, newer.attempt]).toEqual([2, 1]);
      expect(await older.append(step(1))).toEqual({ kind: 'lost' });
      expect(await store.writer.restore(older.restoration())).toBe('fenced');
      expect(await newer.append(step(1))).toMatchObject({ kind: 'stored' });
    });

    it('gives the job back to the newest worker when all that it has is an older claim (L6)', async () => {
      const older = await JobDriver.start(store);
      const restoration = older.restoration('e2');
      await store.elapse(5);
      await older.claim('w2');
      await store.loseRecord(older.job);
      await store.writer.restore(restoration);

      expect(await store.writer.restore(older.restoration('e3'))).toBe('restored');
      expect(await store.writer.restore({ ...restoration, epoch: 'e4' })).toBe('fenced');
    });
  });

  describe('JobLogWriter.restore', () => {
    it.each(['loseRecord', 'loseLog'] as const)(
      'begins a new life with a snapshot event, and the next batch continues (L6, %s)',
      async (lose) => {
        const job = await JobDriver.start(store);
        await job.append(step(1), step(2));
        await store[lose](job.job);

        expect(await store.writer.restore(job.restoration())).toBe('restored');
        job.epoch = 'e2';
        job.top = 4;
        await job.append(step(3));

        const page = await store.reader.read(job.job, 3, 10);
        expect(page?.record).toMatchObject({ epoch: 'e2', status: 'running', attempt: 1, top: 5 });
        expect(page?.entries.map((entry) => [entry.seq, entry.type])).toEqual([
          [4, 'snapshot'],
          [5, 'step'],
        ]);
        expect(dataOf(page?.entries[0])).toEqual({ of: job.job });
      },
    );

    it('gives readers from the start the snapshot in place of what was lost', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await store.loseRecord(job.job);
      await store.writer.restore(job.restoration());

      const page = await store.reader.read(job.job, 0, 10);

      expect(page).toMatchObject({
        snapshot: { seq: 3, state: `{"of":"${job.job}"}` },
        entries: [],
      });
    });

    it('happens once however often it is sent', async () => {
      const job = await JobDriver.start(store);
      await store.loseRecord(job.job);
      const restore = job.restoration();
      await store.writer.restore(restore);
      job.epoch = 'e2';
      job.top = 2;
      await job.append(step(1));

      expect(await store.writer.restore(restore)).toBe('restored');
      expect(await job.entries(1)).toHaveLength(2);
    });

    it('needs no attempt event: the snapshot carries the attempt (L3)', async () => {
      const job = await JobDriver.start(store);
      await job.claim('w2');
      await store.loseLog(job.job);
      await store.writer.restore(job.restoration());
      job.epoch = 'e2';
      await job.append(step(1));

      const entries = await job.entries(1);
      expect(entries.map((entry) => entry.type)).toEqual(['snapshot', 'step']);
      expect(JSON.parse(entries[0]!.json)).toMatchObject({ attempt: 2 });
    });

    it('is fenced by a newer claim and refused by an ended log', async () => {
      const job = await JobDriver.start(store);
      const restore = job.restoration();
      await job.claim('w2');
      expect(await store.writer.restore(restore)).toBe('fenced');

      await job.append(COMPLETED);
      expect(await store.writer.restore(job.restoration())).toBe('closed');
      expect(await job.types()).toEqual(['queued', 'attempt', 'completed']);
    });

    it('keeps the order to stop that the writer knew of', async () => {
      const job = await JobDriver.start(store);
      const stop = { by: 'client', reason: 'no', at: 7 } as const;
      await store.loseRecord(job.job);
      const restore = job.restoration();
      await store.writer.restore({ ...restore, record: { ...restore.record, stop } });

      expect(await store.writer.check(job.owner)).toEqual({ kind: 'running', stop });
    });

    it('gives holders the time of a first attach to show up again', async () => {
      const job = await JobDriver.start(store, { ...cancelPolicy(0), firstAttachMs: 400 });
      await store.leases.hold(job.job, 'g1', 5);
      await store.elapse(410);
      await store.loseRecord(job.job);
      await store.writer.restore(job.restoration());

      expect(await store.writer.check(job.owner)).toEqual({ kind: 'running' });
      await store.elapse(410);
      expect(await store.writer.check(job.owner)).toMatchObject({ stop: { by: 'disconnect' } });
    });

    it('makes the job known again to lists and sweeps', async () => {
      const job = await JobDriver.start(store);
      await store.loseRecord(job.job);
      await store.records.sweep(job.job);
      await store.writer.restore(job.restoration());

      expect(await store.records.open(10, 0)).toEqual([job.job]);
      expect((await store.records.list({ limit: 10 })).records).toHaveLength(1);
    });
  });
}
