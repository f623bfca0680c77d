import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '@stepcast/protocol';
import { Turn } from '../turn.js';
import { CallOutlet } from './call-outlet.js';

/** An outlet whose other side takes messages when it is told to. */
function setUp() {
  const waiting: { message: Uint8Array; taken: () => void }[] = [];
  const drains: number[] = [];
  let now = 1_000;
  const turn = new Turn((error) => {
    throw error;
  });
  const outlet = new CallOutlet(
    (message, taken) => waiting.push({ message, taken }),
    turn,
    () => drains.push(now),
    () => now,
  );
  return {
    ...{ outlet, waiting, drains },
    pass: (ms: number) => (now += ms),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

const FULL = new Uint8Array(LIMITS.maxUnsentBytes);

describe('CallOutlet', () => {
  it('hands messages over at the end of the turn, in their order (I1)', async () => {
    const { outlet, waiting, turn } = setUp();

    outlet.write(Buffer.from('a'));
    outlet.write(Buffer.from('b'));
    expect(waiting).toHaveLength(0);
    await turn();

    expect(waiting.map(({ message }) => Buffer.from(message).toString())).toEqual(['a', 'b']);
    expect(outlet.unsentBytes).toBe(2);
    for (const { taken } of waiting) taken();
    expect(outlet.unsentBytes).toBe(0);
  });

  it('calls nothing refused that was written a moment ago, and all of it later (I2)', async () => {
    const { outlet, turn, pass } = setUp();

    outlet.write(FULL);
    await turn();
    expect(outlet.refusedBytes).toBe(0);

    pass(100);
    expect(outlet.refusedBytes).toBe(FULL.byteLength);
  });

  it('tells of room once after it was full (I3)', async () => {
    const { outlet, waiting, drains, turn } = setUp();
    outlet.write(FULL);
    await turn();

    waiting[0]?.taken();
    await turn();

    expect(drains).toHaveLength(1);
  });

  it('counts as stalled from the last progress, and not while there is nothing to take', async () => {
    const { outlet, waiting, pass, turn } = setUp();
    expect(outlet.stalledMs(9_000)).toBe(0);
    outlet.write(Buffer.from('a'));
    outlet.write(Buffer.from('b'));
    await turn();

    pass(500);
    expect(outlet.stalledMs(1_500)).toBe(500);
    waiting[0]?.taken();
    expect(outlet.stalledMs(1_500)).toBe(0);
  });

  it('writes and tells nothing once it is detached', async () => {
    const { outlet, waiting, drains, turn } = setUp();
    outlet.write(FULL);

    outlet.detach();
    await turn();

    expect([waiting.length, drains.length]).toEqual([0, 0]);
  });
});
