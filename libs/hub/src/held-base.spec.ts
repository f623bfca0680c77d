import { describe, expect, it } from '@jest/globals';
import { HeldBase } from './held-base.js';

describe('HeldBase', () => {
  it('knows how the job stood, and keeps knowing when the state is dropped', () => {
    const base = new HeldBase({ seq: 7, state: '{"status":"completed"}' });
    expect([base.hasEnded, base.bytes]).toEqual([true, 22]);

    base.drop();

    expect([base.seq, base.hasEnded, base.bytes, base.base]).toEqual([7, true, 0, undefined]);
  });

  it.each(['{"status":"running"}', 'garbage'])('takes %j for a job that goes on', (state) => {
    expect(new HeldBase({ seq: 7, state }).hasEnded).toBe(false);
  });

  it('has nothing to drop where a log begins', () => {
    const base = new HeldBase({ seq: 0 });
    base.drop();

    expect(base.base).toEqual({ seq: 0 });
  });
});
