import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { excuseStalled } from './excuse-stalled.js';
import { createQueueConnection } from './queue-connection.js';
import { JobQueues } from './job-queues.js';
import { queuePrefix } from './queue-naming.js';
import { retakeLock, type LostLock } from './retake-lock.js';
import { newJob } from '../testing/fixture.js';

let connection: Redis;
let queues: JobQueues;
let worker: Worker;
let lost: LostLock;

const prefix = queuePrefix(`test-${randomUUID().slice(0, 8)}`);
const LOCK_MS = 60_000;

beforeEach(async () => {
  const url = process.env['TEST_REDIS_URL'] ?? '';
  connection = createQueueConnection(url, { blocking: true });
  queues = new JobQueues(createQueueConnection(url, { blocking: false }), prefix);
  const options = { connection, prefix, autorun: false, lockDuration: LOCK_MS, maxStalledCount: 5 };
  worker = new Worker('echo', null, { ...options, stalledInterval: 1 });
  const job = newJob();
  await queues.add(job);
  await worker.getNextJob('mine', { block: false });
  lost = { prefix, queue: 'echo', job: job.id, token: 'mine', lockMs: LOCK_MS };
});

afterEach(async () => {
  const keys = await connection.keys(`${prefix}:*`);
  if (keys.length > 0) await connection.del(keys);
  await worker.close();
  await queues.close();
  connection.disconnect();
});

const lockKey = (): string => `${prefix}:echo:${lost.job}:lock`;

describe('retakeLock', () => {
  it('takes a lock again that ran out unnoticed, so that no other worker finds the job stalled', async () => {
    await connection.del(lockKey());

    expect(await retakeLock(connection, lost)).toBe(true);

    expect(await connection.get(lockKey())).toBe('mine');
    expect(await connection.pttl(lockKey())).toBeGreaterThan(0);
  });

  it('may be asked twice: the lock stays ours', async () => {
    await connection.del(lockKey());

    expect([await retakeLock(connection, lost), await retakeLock(connection, lost)]).toEqual([
      true,
      true,
    ]);
  });

  it('leaves a lock that another holds', async () => {
    await connection.set(lockKey(), 'another', 'PX', LOCK_MS);

    expect(await retakeLock(connection, lost)).toBe(false);

    expect(await connection.get(lockKey())).toBe('another');
  });

  it('leaves a job that was found stalled and is in line again', async () => {
    await connection.del(lockKey());
    const stalled = new Promise((resolve) => worker.once('stalled', resolve));
    await worker.startStalledCheckTimer();
    expect(await stalled).toBe(lost.job);

    expect(await retakeLock(connection, lost)).toBe(false);

    expect(await connection.exists(lockKey())).toBe(0);
  });
});

describe('excuseStalled', () => {
  it('keeps every worker from looking for stalled jobs for a while', async () => {
    await connection.del(lockKey());
    const stalled: string[] = [];
    worker.on('stalled', (job) => stalled.push(job));
    await excuseStalled(connection, lost);
    await worker.startStalledCheckTimer();
    const key = `${prefix}:echo:stalled-check`;

    // A look is due every millisecond.
    expect(await connection.get(key)).toBe('excused');
    await within(until(async () => (await connection.pttl(key)) < 4_000));
    expect(stalled).toEqual([]);
    await within(until(() => Promise.resolve(stalled.length > 0)));

    expect(stalled).toEqual([lost.job]);
  });
});

async function until(fits: () => Promise<boolean>): Promise<void> {
  while (!(await fits())) await new Promise((resolve) => setImmediate(resolve));
}

async function within(promise: Promise<void>): Promise<void> {
  const late = new Promise((_, reject) => {
    setTimeout(() => {
      reject(new Error('not within 20 s'));
    }, 20_000).unref();
  });
  await Promise.race([promise, late]);
}
