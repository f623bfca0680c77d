import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { createQueueConnection } from './queue-connection.js';
import { JobQueues } from './job-queues.js';
import { queuePrefix } from './queue-naming.js';
import { retakeLock, type LostLock } from './retake-lock.js';
import { newJob } from '../testing/fixture.js';
import { waitFor } from '../../hub/testing/wait-for.js';

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
  const taken = await takeAs('mine');
  lost = { prefix, queue: 'echo', job: job.id, token: 'mine', lockMs: LOCK_MS, takenAt: taken };
});

afterEach(async () => {
  const keys = await connection.keys(`${prefix}:*`);
  if (keys.length > 0) await connection.del(keys);
  await worker.close();
  await queues.close();
  connection.disconnect();
});

/** Takes the job that waits; answers when that was. */
async function takeAs(token: string): Promise<number> {
  const job = await worker.getNextJob(token, { block: false });
  return job.processedOn ?? 0;
}

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

  it('leaves a job that another has taken since, although the lock of that one has run out, too', async () => {
    await connection.del(lockKey());
    const base = `${prefix}:echo`;
    await connection
      .multi()
      .lrem(`${base}:active`, 1, lost.job)
      .rpush(`${base}:wait`, lost.job)
      .exec();
    await waitFor(() => Date.now() > lost.takenAt, 'another millisecond');
    const takenAt = await takeAs('another');
    await connection.del(lockKey());

    expect(await retakeLock(connection, lost)).toBe(false);

    expect(await retakeLock(connection, { ...lost, token: 'another', takenAt })).toBe(true);
  });
});
