/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FeedBatch } from '../src/index.js';
import { COMPLETED, JobDriver, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';
import { waitFor } from './wait-for.js';

/** L5 of ports/job-log.port.ts, and ports/log-feed.port.ts. */
export function describeLogFeedContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  /** Subscribes; what arrives is collected. */
  const listen = async (job: string): Promise<FeedBatch[]> => {
    const batches: FeedBatch[] = [];
    await store.feed.subscribe(job, (batch) => batches.push(batch));
    return batches;
  };

  describe('LogFeed', () => {
    it('delivers one message per batch, equal to what is stored (L5)', async () => {
      const job = await JobDriver.start(store);
      const batches = await listen(job.job);
      await job.append(step(1), step(2), { type: 'step', data: '"ü\\n"' });
      await job.append(COMPLETED);
      await waitFor(() => batches.length >= 2);

      expect(batches.map((batch) => batch.epoch)).toEqual(['e1', 'e1']);
      expect(batches.map((batch) => batch.entries.length)).toEqual([3, 1]);
      expect(batches.flatMap((batch) => batch.entries)).toEqual(await job.entries(1));
    });

    it('delivers only what can be read already (L5)', async () => {
      const job = await JobDriver.start(store);
      const tops: Promise<[number, number]>[] = [];
      await store.feed.subscribe(job.job, ({ entries }) => {
        const seq = entries.at(-1)!.seq;
        tops.push(store.reader.heads([job.job]).then(([head]) => [seq, head!.top]));
      });
      for (let n = 1; n <= 20; n++) await job.append(step(n));
      await waitFor(() => tops.length === 20);

      for (const [seq, top] of await Promise.all(tops)) expect(top).toBeGreaterThanOrEqual(seq);
    });

    it('delivers a contiguous row of seqs across attempts, restores and the end (L5)', async () => {
      const job = await JobDriver.start(store);
      const batches = await listen(job.job);
      await job.append(step(1));
      await job.claim('w2');
      await job.append(step(1));
      await store.loseLog(job.job);
      await store.writer.restore(job.restoration());
      job.epoch = 'e2';
      job.top += 1;
      await job.append(step(2));
      await store.records.fail(job.job, 'worker_lost', 'gone');
      await waitFor(() => batches.at(-1)?.entries.at(-1)?.type === 'failed');

      const entries = batches.flatMap((batch) => batch.entries);
      expect(entries.map((entry) => entry.type)).toEqual([
        ...['step', 'attempt', 'step', 'snapshot', 'step', 'failed'],
      ]);
      expect(entries.map((entry) => entry.seq)).toEqual([2, 3, 4, 5, 6, 7]);
      expect(batches.map((batch) => batch.epoch)).toEqual(['e1', 'e1', 'e2', 'e2', 'e2']);
    });

    it('delivers nothing for a repeated batch (L2)', async () => {
      const job = await JobDriver.start(store);
      const batches = await listen(job.job);
      const batch = job.batch(step(1));
      await store.writer.append(batch);
      await store.writer.append(batch);
      job.producerSeq = 1;
      await job.append(COMPLETED);
      await waitFor(() => batches.at(-1)?.entries.at(-1)?.type === 'completed');

      expect(batches).toHaveLength(2);
    });

    it('keeps jobs apart and delivers nothing after unsubscribe', async () => {
      const [first, second] = [await JobDriver.start(store), await JobDriver.start(store)];
      const ofFirst = await listen(first.job);
      const ofSecond = await listen(second.job);
      await store.feed.unsubscribe(first.job);
      await first.append(step(1));
      await second.append(step(1));
      await waitFor(() => ofSecond.length === 1);

      expect(ofFirst).toEqual([]);
    });

    it('delivers again after unsubscribe and subscribe, whatever their timing', async () => {
      const job = await JobDriver.start(store);
      await listen(job.job);
      const leaving = store.feed.unsubscribe(job.job);
      const batches = await listen(job.job);
      await leaving;
      await job.append(step(1));
      await waitFor(() => batches.length === 1);

      await store.feed.unsubscribe(job.job);
      const later = await listen(job.job);
      await job.append(step(2));
      await waitFor(() => later.length === 1);

      expect(batches).toHaveLength(1);
    });

    it('confirms many subscriptions at once', async () => {
      const jobs = await Promise.all(Array.from({ length: 50 }, () => JobDriver.start(store)));
      const feeds = await Promise.all(jobs.map((job) => listen(job.job)));
      await Promise.all(jobs.map((job) => job.append(step(1))));
      await waitFor(() => feeds.every((batches) => batches.length === 1));

      expect(feeds.map(([batch]) => batch!.entries[0]!.seq)).toEqual(jobs.map(() => 2));
    });
  });
}
