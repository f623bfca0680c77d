import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { newJob } from '../testing/fixture.js';
import { JobQueues } from './job-queues.js';
import { createQueueConnection } from './queue-connection.js';
import { queueName, queuePrefix, retryDelayMs } from './queue-naming.js';

function testRedisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) throw new Error('TEST_REDIS_URL is not set: run the tests by `npm run test:int`');
  return url;
}

describe('JobQueues', () => {
  let admin: Redis;
  let prefix: string;
  let queues: JobQueues;

  beforeEach(() => {
    prefix = queuePrefix(`test-${randomUUID().slice(0, 13)}`);
    admin = createQueueConnection(testRedisUrl(), { blocking: false });
    queues = new JobQueues(createQueueConnection(testRedisUrl(), { blocking: false }), prefix);
  });

  afterEach(async () => {
    await queues.close();
    const keys = await admin.keys(`${prefix}*`);
    if (keys.length > 0) await admin.del(...keys);
    await admin.quit();
  });

  it('lines jobs up by priority, then by age', async () => {
    const jobs = [0, 0, 100, 50, 50].map((priority) => newJob({ priority }));
    for (const job of jobs) await queues.add(job);

    await expect(queues.positions(jobs)).resolves.toEqual([3, 4, 0, 1, 2]);
    await expect(queues.depths(['echo', 'other'])).resolves.toEqual([5, 0]);
  });

  it('hands jobs out in the order of their positions', async () => {
    const jobs = [0, 100, 50].map((priority) => newJob({ priority }));
    for (const job of jobs) await queues.add(job);
    const connection = createQueueConnection(testRedisUrl(), { blocking: true });
    const worker = new Worker(queueName('echo'), null, {
      connection,
      prefix,
      autorun: false,
      settings: { backoffStrategy: retryDelayMs },
    });
    const taken: (string | undefined)[] = [];
    while (taken.length < jobs.length) {
      const job = await worker.getNextJob('token', { block: false });
      taken.push(job.id);
      await job.moveToCompleted(undefined, 'token', false);
    }
    await worker.close();
    connection.disconnect();

    expect(taken).toEqual([jobs[1]!.id, jobs[2]!.id, jobs[0]!.id]);
    await expect(queues.contains(jobs)).resolves.toEqual([false, false, false]);
  });

  it('leaves a job that is added again where it is', async () => {
    const [first, second] = [newJob(), newJob()];
    await queues.add(first);
    await queues.add(second);

    await queues.add(first);

    await expect(queues.positions([first, second])).resolves.toEqual([0, 1]);
    await expect(queues.depths(['echo'])).resolves.toEqual([2]);
  });

  it('takes a job out of line', async () => {
    const [first, second] = [newJob(), newJob()];
    await queues.add(first);
    await queues.add(second);

    await expect(queues.remove(first)).resolves.toBe(true);

    await expect(queues.contains([first, second])).resolves.toEqual([false, true]);
    await expect(queues.positions([second])).resolves.toEqual([0]);
  });

  it('ends the pause before a retry, and leaves what waits in line', async () => {
    const [retried, waiting] = [newJob(), newJob()];
    await queues.add(retried);
    await queues.add(waiting);
    const connection = createQueueConnection(testRedisUrl(), { blocking: true });
    const worker = new Worker(queueName('echo'), null, { connection, prefix, autorun: false });
    const next = () => worker.getNextJob('token', { block: false });
    const inTenMinutes = Date.now() + 600_000;
    await (await next()).moveToDelayed(inTenMinutes, 'token');

    await queues.endPause(waiting);
    await queues.endPause(retried);
    await queues.endPause(newJob());

    const taken = [await next(), await next()].map(({ id }) => id);
    expect(taken).toEqual([waiting.id, retried.id]);
    await worker.close();
    connection.disconnect();
  });

  it('says unavailable when Redis is not there', async () => {
    const nowhere = new JobQueues(
      createQueueConnection('redis://127.0.0.1:1', { blocking: false }),
      prefix,
    );

    await expect(nowhere.add(newJob())).rejects.toMatchObject({ code: 'unavailable' });
    await expect(nowhere.positions([newJob()])).rejects.toMatchObject({ code: 'unavailable' });
    await nowhere.close();
  });
});
