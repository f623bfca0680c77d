// The Redis of a test: the shared one of the run, or a private one.
import { afterAll } from '@jest/globals';

import { stopAllRedis } from './private-redis.js';

export { startRedis, type PrivateRedis, type PrivateRedisOptions } from './private-redis.js';

// Registered on import, because a hook cannot be registered inside a test: a test that fails half-way
// leaves no server behind.
afterAll(stopAllRedis);

/** The Redis that all tests of this run share. Each test takes keys of its own. */
export function testRedisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (url) return url;
  throw new Error('TEST_REDIS_URL is not set. These tests need a Redis, which npm test brings');
}
