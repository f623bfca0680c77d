import { describe, expect, it } from '@jest/globals';
import { redisConfigSchema } from './config.js';

describe('redisConfigSchema', () => {
  it('has defaults for everything', () => {
    expect(redisConfigSchema.parse({})).toEqual({
      REDIS_URL: 'redis://127.0.0.1:6379',
      KEY_PREFIX: 'stepcast',
    });
  });

  it.each([
    { REDIS_URL: 'http://127.0.0.1' },
    { REDIS_URL: 'localhost:6379' },
    { KEY_PREFIX: '' },
    { KEY_PREFIX: 'a{b}' },
  ])('refuses %j', (env) => {
    expect(redisConfigSchema.safeParse(env).success).toBe(false);
  });

  it.each(['rediss://user:secret@redis.example:6380/1', 'redis://[::1]:6379'])(
    'takes %s',
    (REDIS_URL) => {
      expect(redisConfigSchema.safeParse({ REDIS_URL }).success).toBe(true);
    },
  );
});
