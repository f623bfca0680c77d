import { describe, expect, it } from '@jest/globals';
import { queuePrefix, queuePriority, retryDelayMs } from './queue-naming.js';

describe('queue naming', () => {
  it('turns higher-first into lower-first, and never into "no priority"', () => {
    expect([0, 1, 100].map(queuePriority)).toEqual([101, 100, 1]);
  });

  it('doubles the pause before a retry up to 30 s', () => {
    expect([1, 2, 3, 6, 7, 50].map(retryDelayMs)).toEqual([
      500, 1_000, 2_000, 16_000, 30_000, 30_000,
    ]);
  });

  it('puts queues below the prefix of all keys', () => {
    expect(queuePrefix('stepcast')).toBe('stepcast:queue');
  });
});
