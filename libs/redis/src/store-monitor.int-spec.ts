import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { waitFor as waitShortly } from '../../hub/testing/wait-for.js';
import { PrivateRedis } from '../testing/private-redis.js';
import { openTestStore, type TestStore } from '../testing/test-redis.js';

/** A process that is well looks every five seconds. */
const DEADLINE_MS = 20_000;

const waitFor = (fits: () => boolean | Promise<boolean>, what: string): Promise<unknown> =>
  waitShortly(fits, what, DEADLINE_MS);

let redis: PrivateRedis;
let test: TestStore;
const lines: string[] = [];

beforeEach(async () => {
  redis = await PrivateRedis.start();
  lines.length = 0;
  test = await openTestStore(redis.url, (text) => lines.push(text));
});

afterEach(async () => {
  await test.dispose();
  await redis.dispose();
});

const monitor = () => test.store.monitor;
const trouble = () => monitor().state.trouble?.kind;
const isWell = () =>
  monitor()
    .check()
    .then(
      () => true,
      () => false,
    );

describe('StoreMonitor', () => {
  it('has nothing to say while all is well', async () => {
    await monitor().check();

    expect([trouble(), monitor().feed.cause, lines]).toEqual([undefined, undefined, []]);
  });

  it.each([
    ['full', () => test.admin.config('SET', 'maxmemory', '1'), 'OOM'],
    ['readonly', () => test.admin.replicaof('127.0.0.1', '1'), 'READONLY'],
    ['refusing', () => test.admin.config('SET', 'min-replicas-to-write', '1'), 'NOREPLICAS'],
  ] as const)(
    'knows by a write that Redis is %s, and when it is over',
    async (kind, hurt, code) => {
      await hurt();
      await waitFor(() => trouble() === kind, 'the trouble');
      await expect(monitor().check()).rejects.toThrow(code);

      await test.admin.config('SET', 'maxmemory', '0');
      await test.admin.config('SET', 'min-replicas-to-write', '0');
      await test.admin.replicaof('NO', 'ONE');

      await waitFor(isWell, 'the end of it');
      // A replica with no primary cuts nobody, but connecting anew is what finds a new primary.
      const told = lines.filter((line) => !line.includes('pub/sub'));
      expect(told[0]).toContain(`Redis cannot be used: ${kind}: ${code}`);
      expect(told[1]).toMatch(/for \d\.\d s, with \d+ failures; that is over/);
      expect(told).toHaveLength(2);
    },
    30_000,
  );

  it('calls a Redis that is gone unreachable, and tells its whole absence in two lines', async () => {
    await redis.kill();
    await waitFor(() => trouble() === 'unreachable', 'the trouble');
    await waitFor(() => (monitor().state.failures.get('unreachable') ?? 0) > 3, 'some failures');
    await redis.start();
    await waitFor(isWell, 'the end of it');
    await waitFor(() => monitor().feed.cause === undefined, 'the feed');
    await waitFor(() => lines.some((line) => line.includes('pub/sub is whole')), 'the line');

    expect(lines.filter((line) => line.includes('Redis cannot be used'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('not been reached for'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('pub/sub is interrupted'))).toHaveLength(1);
  }, 30_000);

  it('tells a loss of memory, and jobs that went with it from others', async () => {
    const early = uuidv7({ msecs: Date.now() - 3_600_000 });
    const later = uuidv7({ msecs: Date.now() + 60_000 });
    expect([early, later].map((job) => monitor().fateOf(job))).toEqual(['unknown', 'unknown']);
    await redis.kill();
    await redis.start();
    await waitFor(() => monitor().memoryLosses === 1, 'the loss');
    await waitFor(() => monitor().fateOf(early) !== 'unknown', 'what became of it');

    expect([early, later].map((job) => monitor().fateOf(job))).toEqual(['coming back', 'unknown']);
    expect(monitor().fateOf('no uuid')).toBe('unknown');
    expect(lines.some((line) => line.includes('Redis has lost its memory'))).toBe(true);
  }, 30_000);

  it('does not call a job unknown that was asked for while Redis was away, and came back empty', async () => {
    const early = uuidv7({ msecs: Date.now() - 3_600_000 });
    const fates: string[] = [];
    await redis.kill();
    const asked = test.store.records.get(early).then((record) => {
      fates.push(record === undefined ? monitor().fateOf(early) : 'found');
    });
    await redis.start();
    await asked;
    await waitFor(() => monitor().memoryLosses === 1, 'the loss');

    expect([...fates, monitor().fateOf(early)]).toEqual(['coming back', 'coming back']);
  }, 30_000);

  it('knows again what is unknown as soon as Redis is back with all that it held', async () => {
    const never = uuidv7({ msecs: Date.now() - 3_600_000 });
    await test.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await waitFor(() => monitor().fateOf(never) === 'coming back', 'the interruption');

    await waitFor(() => monitor().fateOf(never) === 'unknown', 'a probe');

    expect([monitor().memoryLosses, monitor().fateOf('no uuid')]).toEqual([0, 'unknown']);
  }, 30_000);

  it('waits for jobs that were made just before the server began, and not for older ones', () => {
    const [old, recent] = [3_600_000, 30_000].map((age) => uuidv7({ msecs: Date.now() - age }));

    expect(monitor().fateOf(recent ?? '')).toBe('coming back');
    expect(monitor().fateOf(old ?? '')).toBe('unknown');
  });

  it('lets a process know of a loss that it was not there to see', async () => {
    const early = uuidv7({ msecs: Date.now() - 3_600_000 });
    await redis.kill();
    await redis.start();
    await waitFor(() => monitor().memoryLosses === 1, 'the loss');

    const other = await openTestStore(redis.url, undefined, test.prefix);
    await waitFor(() => other.store.monitor.fateOf(early) === 'coming back', 'what became of it');

    expect(other.store.monitor.memoryLosses).toBe(0);
    await other.store.close();
    await other.admin.quit();
  }, 30_000);
});
