import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { excuseStalled } from './excuse-stalled.js';
import { createQueueConnection } from './queue-connection.js';
import { queuePrefix } from './queue-naming.js';

const INTERVAL_MS = 20;
const SILENCE_MS = 3 * INTERVAL_MS;

describe('excuseStalled', () => {
  let connection: Redis;
  let prefix: string;

  beforeEach(() => {
    prefix = queuePrefix(`test-${randomUUID().slice(0, 8)}`);
    connection = createQueueConnection(process.env['TEST_REDIS_URL'] ?? '', { blocking: true });
  });

  afterEach(async () => {
    const keys = await connection.keys(`${prefix}:*`);
    if (keys.length > 0) await connection.del(keys);
    connection.disconnect();
  });

  const mark = (): string => `${prefix}:echo:stalled-check`;
  const excuse = (hasLooked: boolean, intervalMs = INTERVAL_MS): Promise<boolean> =>
    excuseStalled(connection, { prefix, queue: 'echo', hasLooked, intervalMs });

  const now = async (): Promise<number> => {
    const [seconds, micros] = await connection.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  };
  async function silence(): Promise<void> {
    for (const end = (await now()) + SILENCE_MS; (await now()) <= end;);
  }

  it('keeps every worker from looking for a while, after a silence of all of them', async () => {
    await excuse(false);
    await silence();

    expect(await excuse(true)).toBe(true);

    expect(await connection.get(mark())).toBe('excused');
    expect(await connection.pttl(mark())).toBeGreaterThan(1_000);
    expect(await connection.pttl(mark())).toBeLessThanOrEqual(5_000);
  });

  it('leaves a look alone that comes in time', async () => {
    await excuse(false, 60_000);

    expect(await excuse(true, 60_000)).toBe(false);

    expect(await connection.exists(mark())).toBe(0);
  });

  it('excuses a worker that was away only if the others were too', async () => {
    await excuse(false);
    await silence();
    await excuse(false);

    expect(await excuse(true, 60_000)).toBe(false);
  });

  it('excuses no process that has just started: the jobs of its predecessor are to be found', async () => {
    await excuse(false);
    await silence();

    expect(await excuse(false)).toBe(false);
    expect(await connection.exists(mark())).toBe(0);
  });

  it('excuses one that has just started when Redis has, too: the workers of before may be on their way back', async () => {
    await excuse(false);
    // Before any server that runs now.
    await connection.hset(`${prefix}:echo:looks`, 'at', 1);

    expect(await excuse(false)).toBe(true);
  });

  it('excuses one that has looked in a Redis that remembers nothing', async () => {
    expect(await excuse(true)).toBe(true);
  });

  it('lets a look through after some excuses in a row, however often Redis goes away', async () => {
    const answers: boolean[] = [];
    for (let i = 0; i < 5; i += 1) {
      answers.push(await excuse(true));
      await silence();
    }
    expect(answers).toEqual([true, true, true, false, false]);

    // The excuse is over, and a look is made.
    await connection.del(mark());
    await excuse(true);
    await silence();

    expect(await excuse(true)).toBe(true);
  });

  it('leaves no key without an end', async () => {
    await excuse(true);

    const keys = await connection.keys(`${prefix}:*`);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await connection.pttl(key)).toBeGreaterThan(0);
  });
});
