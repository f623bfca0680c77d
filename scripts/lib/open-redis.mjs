import { assertServerVersion, waitForRedis } from './ask-redis.mjs';
import { openOwnRedis } from './own-redis.mjs';

const foreignDeadlineMs = 10_000;

/**
 * The Redis that the hub will use: the one that was named, else one of our own.
 * @param {string | undefined} url REDIS_URL
 * @returns {Promise<import('./own-redis.mjs').OpenRedis>}
 */
export async function openRedis(url) {
  if (!url) return openOwnRedis();
  await checkRedis(url);
  // It is not ours: the hub reports its loss and reconnects, and nothing is to be closed.
  return { url, lost: new Promise(() => undefined), close: () => Promise.resolve() };
}

/** @param {string} url */
export async function checkRedis(url) {
  const { version } = await waitForRedis(url, foreignDeadlineMs);
  assertServerVersion(url, version);
}
