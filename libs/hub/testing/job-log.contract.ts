/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMPLETED, JobDriver, dataOf, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

/** L1–L5 and L7 of ports/job-log.port.ts; L6 and L8 are in log-loss.contract.ts and log-bounds.contract.ts. */
export function describeJobLogContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  describe('JobLogWriter.append', () => {
    it('numbers events 1, 2, 3 … across batches and attempts (L1)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1), step(2));
      await job.append(step(3));
      await job.claim('w2');
      await job.append(step(1));

      const entries = await job.entries();

      expect(entries.map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await job.types()).toEqual(['queued', 'step', 'step', 'step', 'attempt', 'step']);
    });

    it('keeps the log contiguous when two writers append as one attempt (L1)', async () => {
      const job = await JobDriver.start(store);
      const writer = async (): Promise<void> => {
        for (let n = 1; n <= 40; n++) {
          await store.writer.append({ ...job.batch(step(n)), firstProducerSeq: n, expectedTop: 0 });
        }
      };

      await Promise.all([writer(), writer()]);

      const steps = (await job.entries()).slice(1);
      expect(steps.map((entry) => entry.seq)).toEqual(steps.map((_, i) => i + 2));
      expect(steps.map(dataOf)).toEqual(Array.from({ length: 40 }, (_, i) => ({ step: i + 1 })));
    });

    it('writes events with fixed fields and their data as it was given', async () => {
      const job = await JobDriver.start(store);
      await job.append({ type: 'step', data: '{"a":1.0,"b":[],"c":"ü\\u2028\\n","d":{}}' });

      const [, entry] = await job.entries();

      const { at } = JSON.parse(entry!.json) as { at: number };
      expect(entry!.json).toBe(
        `{"job":"${job.job}","seq":2,"attempt":1,"type":"step","at":${at},` +
          '"data":{"a":1.0,"b":[],"c":"ü\\u2028\\n","d":{}}}',
      );
    });

    it('puts data with line breaks on one line', async () => {
      const job = await JobDriver.start(store);
      await job.append({ type: 'step', data: '{\n  "step": 1\r\n}' });

      const [, entry] = await job.entries();

      expect(entry!.json).not.toMatch(/[\r\n]/);
      expect(dataOf(entry)).toEqual({ step: 1 });
    });

    it('stores a batch once however often it is sent (L2)', async () => {
      const job = await JobDriver.start(store);
      for (const events of [[step(1)], [step(2), step(3)], [COMPLETED]]) {
        const batch = job.batch(...events);
        const first = await job.append(...events);
        expect(await store.writer.append(batch)).toEqual(first);
        expect(await store.writer.append(batch)).toEqual(first);
      }

      expect(await job.types()).toEqual(['queued', 'step', 'step', 'step', 'completed']);
    });

    it('drops the part of a batch that is stored already (L2)', async () => {
      const job = await JobDriver.start(store);
      const longer = job.batch(step(1), step(2), step(3));
      await job.append(step(1), step(2));

      const result = await store.writer.append(longer);

      expect(result).toEqual({ kind: 'stored', top: 4 });
      expect((await job.entries(1)).map(dataOf)).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
    });

    it('answers gap and stores nothing when an earlier batch is missing (L2)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));

      const result = await store.writer.append({ ...job.batch(step(4)), firstProducerSeq: 4 });

      expect(result).toEqual({ kind: 'gap', expectedProducerSeq: 2 });
      expect(await job.entries()).toHaveLength(2);
    });

    it('refuses an attempt from the moment of a newer claim (L3)', async () => {
      const job = await JobDriver.start(store);
      const zombie = job.batch(step(1));
      await job.claim('w2');

      expect(await store.writer.append(zombie)).toEqual({ kind: 'fenced' });
      expect(await store.writer.check(zombie)).toEqual({ kind: 'fenced' });
      expect(await job.entries()).toHaveLength(1);
    });

    it('takes no exact repeat from another claim under the same number, not even of the end (L3, L4)', async () => {
      const job = await JobDriver.start(store);
      const stored = job.batch(step(1), COMPLETED);
      await store.writer.append(stored);

      expect(await store.writer.append({ ...stored, token: 'another' })).toEqual({
        kind: 'closed',
      });
    });

    it('appends the attempt event before the first batch of a later attempt, once (L3)', async () => {
      const job = await JobDriver.start(store);
      await job.append(step(1));
      await job.claim('w2');
      const batch = job.batch(step(1));
      await store.writer.append(batch);
      await store.writer.append(batch);

      const entries = await job.entries(2);

      expect(entries.map((entry) => entry.type)).toEqual(['attempt', 'step']);
      expect(dataOf(entries[0])).toEqual({ attempt: 2, mode: 'restart', fromSeq: 4 });
      expect(JSON.parse(entries[0]!.json)).toMatchObject({ seq: 3, attempt: 2 });
    });

    it('appends no attempt event for an attempt that writes nothing (L3)', async () => {
      const job = await JobDriver.start(store);
      await job.claim('w2');
      await job.claim('w3');
      await job.append(step(1));

      const attempts = (await job.entries()).filter((entry) => entry.type === 'attempt');

      expect(attempts.map(dataOf)).toEqual([{ attempt: 3, mode: 'restart', fromSeq: 3 }]);
    });

    it('refuses an attempt that was given back, except for repeats (L3)', async () => {
      const job = await JobDriver.start(store);
      const stored = job.batch(step(1));
      await job.append(step(1));
      await store.writer.requeue(job.owner);

      expect(await job.append(step(2))).toEqual({ kind: 'fenced' });
      expect(await store.writer.append(stored)).toEqual({ kind: 'stored', top: 2 });
    });

    it('stores nothing behind the terminal event (L4)', async () => {
      const job = await JobDriver.start(store);
      const closing = job.batch(step(1), COMPLETED);
      await job.append(step(1), COMPLETED);

      expect(await job.append(step(2))).toEqual({ kind: 'closed' });
      expect(await store.writer.append({ ...closing, attempt: 2 })).toEqual({ kind: 'closed' });
      expect(await store.writer.append(closing)).toEqual({ kind: 'stored', top: 3 });
      expect(await job.types()).toEqual(['queued', 'step', 'completed']);
      expect(await store.writer.check(job.owner)).toEqual({ kind: 'closed' });
    });

    it('keeps status, end and times of the terminal event in the record', async () => {
      const job = await JobDriver.start(store);
      const progress = { step: 1, of: 2 };
      await store.writer.append({ ...job.batch(step(1)), progress });
      job.producerSeq = 1;
      await job.append(COMPLETED);

      const record = await store.records.get(job.job);

      const end = (await job.entries()).at(-1)!.json;
      expect(record).toMatchObject({ status: 'completed', top: 3, end, progress });
      expect(record?.finishedAt).toBeGreaterThanOrEqual(record!.startedAt!);
      expect(record?.worker).toBeUndefined();
    });

    it('tells of an order to stop in every answer (L7)', async () => {
      const job = await JobDriver.start(store);
      const batch = job.batch(step(1));
      await job.append(step(1));
      await store.records.cancel(job.job, 'client', 'enough "of\n it"');
      const stop = { by: 'client', reason: 'enough "of\n it"', at: expect.any(Number) };

      expect(await store.writer.append(batch)).toEqual({ kind: 'stored', top: 2, stop });
      expect(await job.append(step(2))).toEqual({ kind: 'stored', top: 3, stop });
      expect(await store.writer.check(job.owner)).toEqual({ kind: 'running', stop });
    });
  });

  describe('JobLogWriter.claim', () => {
    it('gives attempts 1, 2, 3 … with record and input', async () => {
      const created = await JobDriver.create(store);
      const first = await store.writer.claim(created.job, 'w1');
      const second = await store.writer.claim(created.job, 'w2');

      expect(first).toMatchObject({
        kind: 'claimed',
        attempt: 1,
        input: '{"prompt":"a \\"house\\"\\n"}',
        record: { id: created.job, status: 'running', attempt: 1, worker: 'w1', top: 1 },
      });
      expect(second).toMatchObject({ attempt: 2, record: { worker: 'w2', top: 1 } });
    });

    it('gives a claim that is sent again the same attempt, and another one the next', async () => {
      const job = await JobDriver.create(store);
      const [first, again] = [
        await job.claim('w1', { token: 'mine' }),
        await job.claim('w1', { token: 'mine' }),
      ];

      expect(again).toEqual({ ...first, at: again.at });
      expect(first).toMatchObject({ attempt: 1, token: 'mine' });
      expect(await job.append(step(1))).toMatchObject({ kind: 'stored' });
      expect(await job.claim('w1')).toMatchObject({ attempt: 2 });
    });

    it('remembers the start of the first attempt', async () => {
      const job = await JobDriver.start(store);
      const startedAt = job.record.startedAt;
      await store.elapse(3);
      await job.claim('w2');

      expect(job.record.startedAt).toBe(startedAt);
    });

    it('answers missing for an unknown job and closed for an ended one', async () => {
      const job = await JobDriver.start(store);
      await job.append(COMPLETED);

      expect(await store.writer.claim('nobody', 'w1')).toEqual({ kind: 'missing' });
      expect(await store.writer.claim(job.job, 'w1')).toEqual({ kind: 'closed' });
    });

    it('closes a job that has an order to stop instead of running it', async () => {
      const job = await JobDriver.start(store);
      await store.records.cancel(job.job, 'client', 'no');

      expect(await store.writer.claim(job.job, 'w2')).toEqual({ kind: 'closed' });
      const last = (await job.entries()).at(-1);
      expect(dataOf(last)).toEqual({ by: 'client', reason: 'no', stoppedAfterMs: 0 });
      expect(await store.records.get(job.job)).toMatchObject({ status: 'cancelled' });
    });

    it('closes a job whose start deadline has passed, unless it has run before', async () => {
      const late = await JobDriver.create(store, { startTimeoutMs: 5 });
      const again = await JobDriver.start(store, { startTimeoutMs: 400 });
      await store.elapse(410);

      expect(await store.writer.claim(late.job, 'w1')).toEqual({ kind: 'closed' });
      expect(dataOf((await late.entries()).at(-1))).toMatchObject({ by: 'timeout' });
      expect(await store.writer.claim(again.job, 'w1')).toMatchObject({ kind: 'claimed' });
    });
  });

  describe('JobLogWriter.requeue', () => {
    it('gives the newest attempt back and ignores older ones', async () => {
      const job = await JobDriver.start(store);
      await store.writer.requeue(job.owner);
      expect(await store.records.get(job.job)).toMatchObject({ status: 'queued', attempt: 1 });
      expect((await store.records.get(job.job))?.worker).toBeUndefined();

      const older = job.owner;
      await job.claim('w2');
      await store.writer.requeue(older);
      await store.writer.requeue({ ...job.owner, token: older.token });
      expect(await store.records.get(job.job)).toMatchObject({ status: 'running', worker: 'w2' });
    });

    it('does not open an ended job', async () => {
      const job = await JobDriver.start(store);
      await job.append(COMPLETED);
      await store.writer.requeue(job.owner);

      expect(await store.records.get(job.job)).toMatchObject({ status: 'completed' });
    });
  });
}
