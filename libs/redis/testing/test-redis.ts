import { randomUUID } from 'node:crypto';
import { waitFor } from '../../hub/testing/wait-for.js';
import type { StoreUnderTest } from '../../hub/testing/store-under-test.js';
import { createRedis } from '../src/connection.js';
import { describeNews } from '../src/describe-news.js';
import { Keys } from '../src/keys.js';
import { RedisStore } from '../src/redis-store.js';
import type { StoreNews } from '../src/store-monitor.js';

/** The Redis of the integration tests; `npm run test:int` brings one. */
export function testRedisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) throw new Error('TEST_REDIS_URL is not set: run the tests by `npm run test:int`');
  return url;
}

/** A store under a prefix of its own, and a second connection that looks behind its back. */
export async function openTestStore(
  url = testRedisUrl(),
  onLine: (text: string) => void = () => undefined,
  prefix = `test-${randomUUID().slice(0, 13)}`,
) {
  const onNews = (news: StoreNews): void => {
    onLine(describeNews(news).text);
  };
  const store = new RedisStore({ url, keyPrefix: prefix, name: prefix, onNews });
  const admin = createRedis(url, 'commands', `${prefix}:admin`).on('error', () => undefined);
  await store.open();

  const lives = async (pattern: string): Promise<Map<string, number>> => {
    const keys = await admin.keys(pattern);
    const values = await Promise.all(keys.map((key) => admin.pttl(key)));
    // -2: gone between the two commands.
    return new Map(keys.map((key, i) => [key, values[i]!] as const).filter(([, ms]) => ms !== -2));
  };

  return {
    ...{ store, admin, prefix, keys: new Keys(prefix), lives },

    /** Closes everything, checks that no key is without an end, and removes the keys. */
    dispose: async (): Promise<void> => {
      await store.close();
      const left = await lives(`${prefix}:*`);
      const endless = [...left].filter(([, ms]) => ms < 0).map(([key]) => key);
      if (left.size > 0) await admin.del(...left.keys());
      await admin.quit();
      if (endless.length > 0) throw new Error(`keys without an end: ${endless.join(', ')}`);
    },
  };
}

export type TestStore = Awaited<ReturnType<typeof openTestStore>>;

/** The same as the contract suites want it. */
export async function makeRedisStore(): Promise<StoreUnderTest> {
  const { store, admin, keys, prefix, lives, dispose } = await openTestStore();
  const { writer, reader, records, leases, feed, signals, directory } = store;
  const now = async (): Promise<number> => {
    const [seconds, micros] = await admin.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  };
  return {
    ...{ writer, reader, records, leases, feed, signals, directory, dispose },
    async elapse(ms) {
      const until = (await now()) + ms;
      await waitFor(async () => (await now()) > until, 'the clock of Redis');
    },
    async loseRecord(job) {
      await admin.del(keys.meta(job));
    },
    async loseLog(job) {
      await admin.del(keys.log(job));
    },
    lives: async (job) => [...(await lives(`${prefix}:{${job}}:*`)).values()],
  };
}
