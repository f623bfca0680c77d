import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobQueues, createQueueConnection, queuePrefix } from '@stepcast/jobs';
import { jobOptionsSchema } from '@stepcast/protocol';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import {
  startRedis,
  stopAllRedis,
  type PrivateRedis,
} from '../../../test/support/private-redis.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';
import { BullSource } from './bull-source.js';

const INTERVAL_MS = 200;
const LOCK_MS = 1_000;
const DEADLINE_MS = 20_000;

const prefix = queuePrefix('test');
const options = {
  onDisconnect: { policy: 'continue', graceMs: 0 },
  ...{ priority: 0, attempts: 1 },
} as const;

/** Two workers that live, of which only the second looks for stalled jobs. */
describe('looking for stalled jobs', () => {
  let redis: PrivateRedis;
  let admin: Redis;
  let queues: JobQueues;
  const open: { source: BullSource; connection: Redis }[] = [];
  const stalled: string[] = [];

  beforeEach(async () => {
    stalled.length = 0;
    redis = await startRedis();
    admin = createQueueConnection(redis.url, { blocking: true });
    queues = new JobQueues(createQueueConnection(redis.url, { blocking: false }), prefix);
  });

  afterEach(async () => {
    for (const { source, connection } of open.splice(0)) {
      await source.close();
      connection.disconnect();
    }
    await queues.close();
    admin.disconnect();
    await stopAllRedis();
  });

  function createSource(renewMs: number): BullSource {
    const connection = createQueueConnection(redis.url, { blocking: true });
    const source = new BullSource({
      ...{ model: 'echo', workerId: randomUUID(), connection, prefix },
      ...{ lockMs: LOCK_MS, lockRenewMs: renewMs, stalledIntervalMs: INTERVAL_MS },
      ...{ maxStalledCount: 5, logger: pino({ level: 'silent' }) },
      monitor: { failed: () => undefined },
    });
    source.onStalled(() => stalled.push('a job'));
    open.push({ source, connection });
    return source;
  }

  async function takeOne(source: BullSource) {
    const parsed = { ...jobOptionsSchema.parse({}), ...options };
    await queues.add({ id: randomUUID(), model: 'echo', options: parsed });
    return (await source.next())!;
  }

  const lookedAt = async (): Promise<number> =>
    Number(await admin.hget(`${prefix}:echo:looks`, 'at'));
  const isMarked = async (): Promise<boolean> =>
    (await admin.scard(`${prefix}:echo:stalled`)) === 1;

  it('takes no job for stalled because Redis was frozen for longer than a lock', async () => {
    const ticket = await takeOne(createSource(60_000));
    await createSource(60_000).start();
    await waitFor(isMarked, 'a look', DEADLINE_MS);
    const before = await lookedAt();

    // The looks that are made meanwhile wait in the socket, and are the first to be answered.
    await admin.debug('SLEEP', String((2 * LOCK_MS) / 1_000));
    expect(await admin.exists(`${prefix}:echo:${ticket.job}:lock`)).toBe(0);
    await waitFor(
      async () => (await lookedAt()) > before + LOCK_MS + 2 * INTERVAL_MS,
      'more looks',
      DEADLINE_MS,
    );

    expect(stalled).toEqual([]);
    expect(await admin.lrange(`${prefix}:echo:active`, 0, -1)).toEqual([ticket.job]);
    ticket.drop();
  });

  it('finds the job of a dead worker, also while another is cut off again and again', async () => {
    const ticket = await takeOne(createSource(60_000));
    ticket.drop();
    await createSource(60_000).start();
    const cut = setInterval(() => {
      admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => undefined);
    }, 4 * INTERVAL_MS);

    try {
      await waitFor(() => stalled.length === 1, 'the job', DEADLINE_MS);
    } finally {
      clearInterval(cut);
    }
    expect(await admin.llen(`${prefix}:echo:active`)).toBe(0);
  });

  it('is closed at once while Redis is frozen', async () => {
    const source = createSource(60_000);
    await source.start();
    await waitFor(async () => (await lookedAt()) > 0, 'a look', DEADLINE_MS);
    await redis.kill('SIGSTOP');

    await expect(source.close()).resolves.toBeUndefined();

    await redis.kill('SIGCONT');
  });
});
