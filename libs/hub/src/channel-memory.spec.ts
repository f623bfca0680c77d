import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ChannelMemory, type MemoryAccount } from './channel-memory.js';

/** A channel that holds bytes of which it may drop all but the `sticky` ones. */
class Holder {
  bytes = 0;
  shrinks = 0;
  sticky = 0;
  readonly account: MemoryAccount;

  constructor(memory: ChannelMemory) {
    this.account = memory.open((maxBytes) => {
      this.shrinks++;
      this.hold(Math.max(this.sticky, Math.min(this.bytes, maxBytes)));
    });
  }

  hold(bytes: number): void {
    this.bytes = bytes;
    this.account.hold(bytes);
  }
}

describe('ChannelMemory', () => {
  it('lets one channel have what the others leave', () => {
    const memory = new ChannelMemory(1_000);
    const [busy, quiet] = [new Holder(memory), new Holder(memory)];
    quiet.hold(100);
    busy.hold(900);

    expect([busy.bytes, quiet.bytes, memory.usedBytes]).toEqual([900, 100, 1_000]);
  });

  it('cuts the largest to one height, no lower than it must (M2)', () => {
    const memory = new ChannelMemory(1_000);
    const holders = [100, 400, 480].map((bytes) => {
      const holder = new Holder(memory);
      holder.hold(bytes);
      return holder;
    });
    holders[2]?.hold(600);

    expect(holders.map(({ bytes }) => bytes)).toEqual([100, 325, 325]);
    expect(memory.usedBytes).toBe(750);
  });

  it('takes from others what one may not drop, from the largest first, and then stops (M2)', () => {
    const memory = new ChannelMemory(1_000);
    const [stuck, large, small] = [new Holder(memory), new Holder(memory), new Holder(memory)];
    stuck.sticky = 500;
    small.hold(100);
    large.hold(300);
    stuck.hold(700);

    expect([stuck.bytes, large.bytes, small.bytes]).toEqual([500, 150, 100]);
    expect([stuck.shrinks, large.shrinks, small.shrinks]).toEqual([1, 1, 0]);
  });

  it('gets back what a closed channel held, and hears it no more (M1)', () => {
    const memory = new ChannelMemory(1_000);
    const holder = new Holder(memory);
    holder.hold(700);
    holder.account.close();
    holder.account.close();
    holder.account.hold(500);

    expect(memory.usedBytes).toBe(0);
  });

  it('does not look at every channel for every event when nothing can be dropped (M3)', () => {
    const memory = new ChannelMemory(800);
    const holders = Array.from({ length: 100 }, () => new Holder(memory));
    for (const holder of holders) {
      holder.sticky = 1_000;
      for (let bytes = 1; bytes <= 1_000; bytes++) holder.hold(bytes);
    }

    // 100,000 bytes came in, and an eighth of the budget is 100: at most 1,000 rounds, not 100,000.
    expect(Math.max(...holders.map(({ shrinks }) => shrinks))).toBeLessThanOrEqual(1_000);
  });

  it('is within its bounds after any sequence of steps (M1, M2)', () => {
    const MAX_BYTES = 1_000;
    const step = fc.tuple(
      fc.nat(7),
      fc.constantFrom('grow', 'grow', 'grow', 'stick', 'drop', 'renew'),
      fc.nat(300),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new ChannelMemory(MAX_BYTES);
        const holders = Array.from({ length: 8 }, () => new Holder(memory));
        for (const [index, action, amount] of steps) {
          const holder = holders[index];
          if (holder === undefined) continue;
          if (action === 'grow') holder.hold(holder.bytes + amount);
          else if (action === 'stick') holder.sticky = Math.min(amount, holder.bytes);
          else if (action === 'drop') holder.hold(Math.floor(holder.bytes / 2));
          else {
            holder.account.close();
            holders[index] = new Holder(memory);
          }
          const held = holders.reduce((sum, { bytes }) => sum + bytes, 0);
          const stuck = holders.reduce((sum, { sticky }) => sum + sticky, 0);
          expect(memory.usedBytes).toBe(held);
          // Three quarters behind a shrink, and what may come in before the next one.
          expect(held).toBeLessThanOrEqual(MAX_BYTES + stuck + MAX_BYTES / 8);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
