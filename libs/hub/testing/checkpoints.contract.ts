/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Checkpoint } from '../src/index.js';
import { COMPLETED, JobDriver, dataOf, step } from './job-driver.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';

/** L9 of ports/job-log.port.ts: what a later attempt goes on from. */
export function describeCheckpointsContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  const checkpointOf = (job: JobDriver, seq = job.top): Checkpoint => ({
    ...job.owner,
    ...{ epoch: job.epoch, seq },
    ...{ version: '1', data: `state at ${seq}` },
  });
  /** A job of three steps with a checkpoint behind the second: seq 3. */
  const saved = async (): Promise<JobDriver> => {
    const job = await JobDriver.start(store);
    await job.append(step(1), step(2));
    expect(await store.writer.saveCheckpoint(checkpointOf(job))).toBe('saved');
    await job.append(step(3));
    return job;
  };
  const resumeOf = async (job: JobDriver, version?: string) => {
    const claim = await job.claim('w2', version === undefined ? {} : { version });
    return claim.resume;
  };

  describe('JobLogWriter.saveCheckpoint', () => {
    it('is offered to the next attempt, which resumes behind it (L9)', async () => {
      const job = await saved();

      expect(await resumeOf(job, '1')).toEqual({ seq: 3, data: 'state at 3' });
      await job.append(step(3));

      const [event] = await job.entries(4);
      expect(event?.type).toBe('attempt');
      expect(dataOf(event)).toEqual({ attempt: 2, mode: 'resume', fromSeq: 4 });
    });

    it('is offered again when the attempt that was to resume died first', async () => {
      const job = await saved();
      await resumeOf(job, '1');

      expect(await resumeOf(job, '1')).toEqual({ seq: 3, data: 'state at 3' });
      await job.append(step(3));

      expect(dataOf((await job.entries(4))[0])).toEqual({ attempt: 3, mode: 'resume', fromSeq: 4 });
    });

    it('takes the place of the one before, and is never replaced by an older one', async () => {
      const job = await saved();
      await store.writer.saveCheckpoint(checkpointOf(job));

      expect(await store.writer.saveCheckpoint(checkpointOf(job, 3))).toBe('saved');
      expect(await resumeOf(job, '1')).toEqual({ seq: 4, data: 'state at 4' });
    });

    it('survives that the attempt is given back', async () => {
      const job = await saved();
      await store.writer.requeue(job.owner);

      expect(await resumeOf(job, '1')).toMatchObject({ seq: 3 });
    });

    it('is not offered to another version, and gone once that has claimed the job (L9)', async () => {
      const job = await saved();

      expect(await resumeOf(job, '2')).toBeUndefined();
      expect(await resumeOf(job, '1')).toBeUndefined();
      await job.append(step(1));

      expect(dataOf((await job.entries(4))[0])).toMatchObject({ mode: 'restart', fromSeq: 6 });
    });

    it('is not offered to a model that saves none', async () => {
      expect(await resumeOf(await saved())).toBeUndefined();
    });

    it('is refused for an older attempt, one that was given back, and an ended job (L3, L4)', async () => {
      const job = await saved();
      const zombie = checkpointOf(job);
      await job.claim('w2');
      expect(await store.writer.saveCheckpoint(zombie)).toBe('fenced');

      await store.writer.requeue(job.owner);
      expect(await store.writer.saveCheckpoint(checkpointOf(job))).toBe('fenced');

      await job.claim('w3');
      await job.append(COMPLETED);
      expect(await store.writer.saveCheckpoint(checkpointOf(job))).toBe('closed');
    });

    it('is lost with the record, the log, the tail or the life that it belongs to (L6)', async () => {
      const job = await saved();
      const checkpoint = checkpointOf(job);

      expect(await store.writer.saveCheckpoint({ ...checkpoint, seq: 5 })).toBe('lost');
      expect(await store.writer.saveCheckpoint({ ...checkpoint, epoch: 'e0' })).toBe('lost');
      expect(await store.writer.saveCheckpoint({ ...checkpoint, attempt: 2 })).toBe('lost');
      await store.loseLog(job.job);
      expect(await store.writer.saveCheckpoint(checkpoint)).toBe('lost');
      await store.loseRecord(job.job);
      expect(await store.writer.saveCheckpoint(checkpoint)).toBe('lost');
    });

    it('is not offered when the events up to it cannot be read any more (L9)', async () => {
      const job = await saved();
      await store.loseLog(job.job);

      expect(await resumeOf(job, '1')).toBeUndefined();
    });

    it('is void in a new life of the log (L9)', async () => {
      const job = await saved();
      await store.writer.restore(job.restoration());

      expect(await resumeOf(job, '1')).toBeUndefined();
    });

    it('outlives a snapshot up to it, and goes with one above it (L8, L9)', async () => {
      const job = await saved();
      const snapshot = { epoch: job.epoch, state: '{}' };

      await store.writer.saveSnapshot({ ...job.owner, ...snapshot, seq: 3 });
      expect(await resumeOf(job, '1')).toMatchObject({ seq: 3 });
      await store.writer.saveSnapshot({ ...job.owner, ...snapshot, seq: 4 });
      expect(await resumeOf(job, '1')).toBeUndefined();
    });

    it('may cover a log of which nothing but a snapshot is left', async () => {
      const job = await saved();
      await store.writer.saveCheckpoint(checkpointOf(job));
      const snapshot = { ...job.owner, epoch: job.epoch, state: '{}' };
      await store.writer.saveSnapshot({ ...snapshot, seq: 4 });

      expect(await resumeOf(job, '1')).toMatchObject({ seq: 4 });
    });

    it('holds what was saved, whatever the size', async () => {
      const job = await saved();
      const data = 'x'.repeat(5_592_408);
      await store.writer.saveCheckpoint({ ...checkpointOf(job), data });

      expect((await resumeOf(job, '1'))?.data === data).toBe(true);
    });
  });
}
