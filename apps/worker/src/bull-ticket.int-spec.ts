import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { JobQueues, createQueueConnection, queuePrefix, retakeLock } from '@stepcast/jobs';
import { pino } from 'pino';
import { newJob } from '../../../libs/jobs/testing/fixture.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';
import { BullTicket } from './bull-ticket.js';

const LOCK_MS = 60_000;

/** Needs TEST_REDIS_URL, which `npm test` brings. */
describe('BullTicket', () => {
  const prefix = queuePrefix(`test-${randomBytes(6).toString('hex')}`);
  let connection: Redis;
  let queues: JobQueues;
  let worker: Worker;
  let id: string;
  const tickets: BullTicket[] = [];

  beforeEach(async () => {
    const url = process.env['TEST_REDIS_URL'] ?? '';
    connection = createQueueConnection(url, { blocking: true });
    queues = new JobQueues(createQueueConnection(url, { blocking: false }), prefix);
    worker = new Worker('echo', null, {
      ...{ connection, prefix, autorun: false, lockDuration: LOCK_MS },
      ...{ removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } },
    });
    const job = newJob();
    id = job.id;
    await queues.add(job);
  });

  afterEach(async () => {
    for (const ticket of tickets.splice(0)) ticket.drop();
    const keys = await connection.keys(`${prefix}:*`);
    if (keys.length > 0) await connection.del(keys);
    await worker.close();
    await queues.close();
    connection.disconnect();
  });

  async function take(token: string, renewMs = LOCK_MS): Promise<BullTicket> {
    const job = (await worker.getNextJob(token, { block: false })) as Job | undefined;
    if (job?.id === undefined) throw new Error('no job waits');
    const takenAt = job.processedOn ?? 0;
    const lock = { prefix, queue: 'echo', job: job.id, token, lockMs: LOCK_MS, takenAt };
    const ticket = new BullTicket(job, {
      ...{ token, model: 'echo', lockMs: LOCK_MS, renewMs },
      retake: () => retakeLock(connection, lock),
      logger: pino({ level: 'silent' }),
    });
    tickets.push(ticket);
    return ticket;
  }

  const lockKey = (): string => `${prefix}:echo:${id}:lock`;
  const active = (): Promise<string[]> => connection.lrange(`${prefix}:echo:active`, 0, -1);

  /** Found stalled, as another worker does once the lock has run out, and in line again. */
  async function loseLock(): Promise<void> {
    await connection.del(lockKey());
    const base = `${prefix}:echo`;
    await connection.multi().lrem(`${base}:active`, 1, id).rpush(`${base}:wait`, id).exec();
    const takenAt = Date.now();
    await waitFor(() => Date.now() > takenAt, 'another millisecond');
  }

  it.each([
    ['complete', (ticket: BullTicket) => ticket.complete()],
    ['fail', (ticket: BullTicket) => ticket.fail('broken')],
  ])(
    'ends a job whose lock ran out while Redis was away, so that nobody takes it again: %s',
    async (_what, end) => {
      const ticket = await take('mine');
      await connection.del(lockKey());

      await end(ticket);

      expect(await active()).toEqual([]);
      expect(await connection.exists(`${prefix}:echo:${id}`)).toBe(0);
    },
  );

  it('gives a job back whose lock ran out meanwhile', async () => {
    const ticket = await take('mine');
    await connection.del(lockKey());

    await ticket.giveBack();

    expect(await active()).toEqual([]);
    expect((await take('another')).job).toBe(id);
  });

  it('ends nothing of a job that another has taken since', async () => {
    const ticket = await take('mine');
    await loseLock();
    await take('another');

    await ticket.complete();

    expect(await active()).toEqual([id]);
    expect(await connection.get(lockKey())).toBe('another');
  });

  it('loses a job that another has taken since, although the lock of that one has run out, too', async () => {
    const ticket = await take('mine', 50);
    let isLost = false;
    ticket.onLost(() => (isLost = true));
    await loseLock();
    await take('another');
    await connection.del(lockKey());

    await waitFor(() => isLost, 'the loss');

    expect(await connection.exists(lockKey())).toBe(0);
  });
});
