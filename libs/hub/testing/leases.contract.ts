/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { COMPLETED, JobDriver, cancelPolicy, dataOf, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

/** Interest in a job: leases, grace, and the order to stop that follows (L7). */
export function describeLeasesContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  const LONG_MS = 60_000;
  const stopOf = async (job: JobDriver) => {
    const result = await store.writer.check(job.owner);
    return result.kind === 'running' ? result.stop : result.kind;
  };
  const disconnected = expect.objectContaining({ by: 'disconnect' });

  describe('Leases', () => {
    it('keep a job alive while one gateway holds it', async () => {
      const job = await JobDriver.start(store, cancelPolicy(0));
      await store.leases.hold(job.job, 'g1', LONG_MS);
      await store.leases.hold(job.job, 'g2', LONG_MS);
      await store.leases.release(job.job, 'g1');
      await store.elapse(5);

      expect(await stopOf(job)).toBeUndefined();
    });

    it('stop a job when the last holder has left for longer than grace', async () => {
      const patient = await JobDriver.start(store, cancelPolicy(LONG_MS));
      const impatient = await JobDriver.start(store, cancelPolicy(10));
      for (const { job } of [patient, impatient]) {
        await store.leases.hold(job, 'g1', LONG_MS);
        await store.leases.release(job, 'g1');
      }
      await store.elapse(20);

      expect(await stopOf(patient)).toBeUndefined();
      expect(await stopOf(impatient)).toEqual(disconnected);
    });

    it('stop a job when a gateway died without a word, at expiry and grace', async () => {
      const patient = await JobDriver.start(store, cancelPolicy(LONG_MS));
      const impatient = await JobDriver.start(store, cancelPolicy(10));
      await store.leases.refresh([patient.job, impatient.job], 'g1', 10);
      await store.elapse(30);

      expect(await stopOf(patient)).toBeUndefined();
      expect(await stopOf(impatient)).toEqual(disconnected);
    });

    it('count from the last expiry, not from an earlier leave', async () => {
      const job = await JobDriver.start(store, cancelPolicy(400));
      await store.leases.hold(job.job, 'g1', 400);
      await store.leases.hold(job.job, 'g2', LONG_MS);
      await store.leases.release(job.job, 'g2');
      await store.elapse(450);

      expect(await stopOf(job)).toBeUndefined();
      await store.elapse(400);
      expect(await stopOf(job)).toEqual(disconnected);
    });

    it('are extended by refresh, for many jobs at once', async () => {
      const jobs = await Promise.all([1, 2, 3].map(() => JobDriver.start(store, cancelPolicy(0))));
      const ids = jobs.map((job) => job.job);
      await store.leases.refresh(ids, 'g1', 20);
      await store.leases.refresh(ids, 'g1', LONG_MS);
      await store.elapse(30);

      expect(await Promise.all(jobs.map(stopOf))).toEqual([undefined, undefined, undefined]);
    });

    it('give a job with policy cancel firstAttachMs for its first holder', async () => {
      const patient = await JobDriver.start(store, cancelPolicy(0));
      const impatient = await JobDriver.start(store, { ...cancelPolicy(0), firstAttachMs: 400 });
      await store.elapse(410);

      expect(await stopOf(patient)).toBeUndefined();
      expect(await stopOf(impatient)).toEqual(disconnected);
    });

    it('mean nothing to a job with policy continue', async () => {
      const job = await JobDriver.start(store, { firstAttachMs: 0 });
      await store.leases.hold(job.job, 'g1', 1);
      await store.elapse(5);

      expect(await stopOf(job)).toBeUndefined();
    });

    it('of a viewer who comes back within grace save the job', async () => {
      const job = await JobDriver.start(store, cancelPolicy(40));
      await store.leases.hold(job.job, 'g1', LONG_MS);
      await store.leases.release(job.job, 'g1');
      await store.leases.hold(job.job, 'g2', LONG_MS);
      await store.elapse(50);

      expect(await stopOf(job)).toBeUndefined();
    });

    it('do not take back an order that was made', async () => {
      const job = await JobDriver.start(store, cancelPolicy(0));
      await store.leases.hold(job.job, 'g1', LONG_MS);
      await store.leases.release(job.job, 'g1');
      await store.elapse(5);
      const stop = await stopOf(job);
      await store.leases.hold(job.job, 'g1', LONG_MS);

      expect(await stopOf(job)).toEqual(stop);
      expect(await job.append(step(1))).toMatchObject({ kind: 'stored', stop });
      expect(await store.records.get(job.job)).toMatchObject({ stop });
    });

    it('that were never held are not released', async () => {
      const job = await JobDriver.start(store, { ...cancelPolicy(0), firstAttachMs: LONG_MS });
      await store.leases.release(job.job, 'g1');
      await store.elapse(5);

      expect(await stopOf(job)).toBeUndefined();
    });

    it('of unknown and ended jobs leave nothing behind', async () => {
      const job = await JobDriver.start(store, cancelPolicy(0));
      await job.append(COMPLETED);
      const before = (await store.lives(job.job)).length;
      await store.leases.hold(job.job, 'g1', LONG_MS);
      await store.leases.hold('nobody', 'g1', LONG_MS);
      await store.leases.release('nobody', 'g1');

      expect(await store.lives('nobody')).toEqual([]);
      expect(await store.lives(job.job)).toHaveLength(before);
    });

    it('that are lost close a waiting job when it is claimed', async () => {
      const job = await JobDriver.create(store, cancelPolicy(0));
      await store.leases.hold(job.job, 'g1', LONG_MS);
      await store.leases.release(job.job, 'g1');
      await store.elapse(5);

      expect(await store.writer.claim(job.job, 'w1')).toEqual({ kind: 'closed' });
      expect(dataOf((await job.entries()).at(-1))).toMatchObject({ by: 'disconnect' });
    });
  });
}
