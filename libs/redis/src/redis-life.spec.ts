import { describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';

import { RedisLife, type ProbeAnswer } from './redis-life.js';

/** The clock of Redis is this far ahead of `performance.now()`. */
const EPOCH = 1_700_000_000_000;
const answer = (at: number, extra: Partial<ProbeAnswer> = {}): ProbeAnswer => ({
  at: EPOCH + at,
  ...{ bornAt: EPOCH - 1e9, hasLost: false, server: 'one', beganAt: EPOCH - 1e9 },
  ...extra,
});
const madeAt = (at: number): string => uuidv7({ msecs: EPOCH + at });

describe('RedisLife', () => {
  it('knows nothing of ids that carry no time, and of jobs of a Redis that has always been there', () => {
    const life = new RedisLife();
    expect(life.fateOf(madeAt(0), 0)).toBe('unknown');
    life.answered(answer(0), 0);

    expect(life.fateOf(madeAt(-1_000), 1)).toBe('unknown');
    life.disconnected(2);
    expect(life.fateOf('no uuid', 3)).toBe('unknown');
  });

  it('cannot say between a lost connection and the next answer, for a while', () => {
    const life = new RedisLife();
    life.answered(answer(0), 0);
    life.disconnected(100);
    life.reconnected(50_000);

    expect(life.fateOf(madeAt(0), 50_001)).toBe('coming back');
    expect(life.fateOf(madeAt(0), 65_000)).toBe('unknown');
    life.disconnected(70_000);
    life.answered(answer(70_001), 70_001);
    expect(life.fateOf(madeAt(0), 70_002)).toBe('unknown');
  });

  it('waits for workers when all was lost, and then says so', () => {
    const life = new RedisLife();
    life.answered(answer(1_000, { bornAt: EPOCH + 1_000, hasLost: true }), 1_000);

    expect(life.fateOf(madeAt(999), 15_999)).toBe('coming back');
    expect(life.fateOf(madeAt(999), 16_000)).toBe('lost');
    expect(life.fateOf(madeAt(1_001), 16_000)).toBe('unknown');
  });

  it.each([
    ['another server took over', [answer(0), answer(5_000, { server: 'two' })]],
    ['it was there before this process', [answer(6_000, { beganAt: EPOCH + 5_000 })]],
  ])('waits for jobs of the last minute before a restart: %s', (_, answers) => {
    const life = new RedisLife();
    for (const one of answers) life.answered(one, one.at - EPOCH);

    expect(life.fateOf(madeAt(4_900), 19_999)).toBe('coming back');
    expect(life.fateOf(madeAt(4_900), 20_000)).toBe('unknown');
    expect(life.fateOf(madeAt(5_001), 6_001)).toBe('unknown');
    expect(life.fateOf(madeAt(-55_001), 6_001)).toBe('unknown');
  });

  it('remembers when the server began, however often it answers', () => {
    const life = new RedisLife();
    life.answered(answer(0), 0);
    life.answered(answer(5_000, { server: 'two' }), 5_000);
    life.answered(answer(10_000, { server: 'two', beganAt: EPOCH - 3_600_000 }), 10_000);

    expect(life.fateOf(madeAt(4_000), 19_000)).toBe('coming back');
  });
});
