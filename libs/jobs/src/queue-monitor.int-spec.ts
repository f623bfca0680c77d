import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { waitFor as waitShortly } from '../../hub/testing/wait-for.js';
import {
  startRedis,
  stopAllRedis,
  type PrivateRedis,
} from '../../../test/support/private-redis.js';
import { createQueueConnection } from './queue-connection.js';
import { QueueMonitor } from './queue-monitor.js';

/** A connection that is well is looked at every five seconds. */
const waitFor = (fits: () => boolean | Promise<boolean>, what: string): Promise<unknown> =>
  waitShortly(fits, what, 25_000);

describe.each([
  ['the API', false],
  ['a worker', true],
])('QueueMonitor on the connection of %s', (_who, blocking) => {
  let redis: PrivateRedis;
  let admin: Redis;
  let connection: Redis;
  let monitor: QueueMonitor;
  const told: string[] = [];

  beforeEach(async () => {
    told.length = 0;
    redis = await startRedis();
    admin = createQueueConnection(redis.url, { blocking: true }).on('error', () => undefined);
    connection = createQueueConnection(redis.url, { blocking });
    monitor = new QueueMonitor(connection, 'test:queue', {
      began: (error) => told.push(`began: ${String(error)}`),
      ended: ({ failures }) => told.push(`ended: ${failures > 1 ? 'many' : failures}`),
    });
  });

  afterEach(async () => {
    connection.disconnect();
    admin.disconnect();
    await stopAllRedis();
  });

  const isWell = (): Promise<boolean> =>
    monitor.check().then(
      () => true,
      () => false,
    );

  it('is well as long as writes are taken, and leaves a key with an end', async () => {
    await monitor.check();

    expect([monitor.isUp, monitor.failures, told]).toEqual([true, 0, []]);
    expect(await admin.pttl('test:queue:probe')).toBeGreaterThan(0);
  });

  it('says why a Redis that is gone fails the check, and tells its absence in two lines (Q2)', async () => {
    await monitor.check();
    await redis.kill();
    await waitFor(() => monitor.failures > 3, 'some failures');

    await expect(monitor.check()).rejects.toThrow(
      /could not be used for \d+\.\d s: .*ECONNREFUSED/,
    );
    expect(monitor.isUp).toBe(false);
    await redis.restart();
    await waitFor(isWell, 'the end of it');

    expect(told).toEqual([expect.stringContaining('began: '), 'ended: many']);
  });

  it('calls a replica one spell of trouble, although each reconnect succeeds (Q1)', async () => {
    await monitor.check();
    let reconnects = 0;
    connection.on('ready', () => {
      reconnects += 1;
    });
    await admin.replicaof('127.0.0.1', '1');
    // BullMQ asks again and again, and each refusal gives the connection up.
    const asking = setInterval(() => {
      connection.set('test:queue:any', '', 'PX', 1_000).catch(monitor.failed);
    }, 100);

    await waitFor(() => reconnects >= 3, 'reconnects');
    clearInterval(asking);
    await expect(monitor.check()).rejects.toThrow('READONLY');
    expect(told).toHaveLength(1);
    await admin.replicaof('NO', 'ONE');
    await waitFor(isWell, 'the end of it');

    expect(told).toEqual([expect.stringContaining('READONLY'), 'ended: many']);
  });

  it('is not alarmed by a Redis that stands still for longer than a call of the API may take', async () => {
    await monitor.check();

    const pause = admin.debug('SLEEP', '5.5');
    await expect(monitor.check()).resolves.toBeUndefined();
    await pause;

    expect([told, monitor.failures]).toEqual([[], 0]);
  });

  it('is silent once the connection is closed for good', async () => {
    await monitor.check();

    connection.disconnect();
    await waitFor(() => connection.status === 'end', 'the end');
    await expect(monitor.check()).rejects.toThrow();

    expect(told).toEqual([]);
  });
});
