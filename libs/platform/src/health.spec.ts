import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Health } from './health.js';

describe('Health', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('is ready when every check passes', async () => {
    const health = new Health();
    health.register('a', () => undefined);
    health.register('b', () => Promise.resolve(3));

    await expect(health.report()).resolves.toEqual({
      status: 'ready',
      checks: { a: { ok: true }, b: { ok: true } },
    });
  });

  it('names the check that fails, and why', async () => {
    const health = new Health();
    health.register('a', () => undefined);
    health.register('b', () => {
      throw new Error('gone');
    });

    await expect(health.report()).resolves.toEqual({
      status: 'failing',
      checks: { a: { ok: true }, b: { ok: false, message: 'gone' } },
    });
  });

  it('shows what a check has to say while all is well', async () => {
    const health = new Health();
    health.register('a', () => ({ ageMs: 3 }));

    await expect(health.report()).resolves.toMatchObject({ checks: { a: { ok: true, ageMs: 3 } } });
  });

  it('does not wait for a check that hangs', async () => {
    const health = new Health();
    health.register('slow', () => new Promise(() => undefined));

    const report = health.report();
    await jest.advanceTimersByTimeAsync(2_000);

    await expect(report).resolves.toMatchObject({ status: 'failing' });
  });

  it('is not ready while draining', async () => {
    const health = new Health();
    health.startDraining();

    await expect(health.report()).resolves.toMatchObject({ status: 'draining' });
  });
});
