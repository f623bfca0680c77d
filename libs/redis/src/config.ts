import * as z from 'zod';

/** What every process needs to know to reach Redis; a slice of each app's schema. */
export const redisConfigSchema = z.object({
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })
    .default('redis://127.0.0.1:6379')
    .describe('Redis 7.0 or newer, or Valkey 8. rediss:// uses TLS.'),
  KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1–32 letters, digits, ".", "_" or "-"')
    .default('stepcast')
    .describe(
      'First part of every key and channel; two hubs with two prefixes may share one Redis.',
    ),
});

export type RedisConfig = z.infer<typeof redisConfigSchema>;
