import { beforeEach, describe, expect, it } from '@jest/globals';
import { HolderLeases, type Clock, type Leases } from './index.js';

/** Records the calls; each is answered when the test says so. */
class SlowLeases implements Leases {
  readonly calls: string[] = [];
  readonly answers: (() => void)[] = [];

  hold(job: string): Promise<void> {
    return this.#call(`hold ${job}`);
  }
  refresh(jobs: readonly string[], _gateway: string, lifetimeMs: number): Promise<void> {
    return this.#call(`refresh ${jobs.join(' ')} ${lifetimeMs}`);
  }
  release(job: string): Promise<void> {
    return this.#call(`release ${job}`);
  }
  #call(text: string): Promise<void> {
    this.calls.push(text);
    return new Promise((resolve) => this.answers.push(resolve));
  }
}

let leases: SlowLeases;
let timers: (() => void)[];
let holders: HolderLeases;

const clock: Clock = {
  now: () => 0,
  after: (_ms, callback) => {
    timers.push(callback);
    return () => undefined;
  },
};

async function answerAll(): Promise<void> {
  for (let round = 0; round < 10; round++) {
    leases.answers.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  }
}

beforeEach(() => {
  leases = new SlowLeases();
  timers = [];
  holders = new HolderLeases({ gateway: 'g', leases, clock, onError: () => undefined });
});

describe('HolderLeases', () => {
  it('takes one lease for many holders and releases it with the last (I1)', async () => {
    const both = Promise.all([holders.acquire('a'), holders.acquire('a')]);
    await answerAll();
    await both;
    expect(await holders.release('a')).toBe(false);
    const last = holders.release('a');
    await answerAll();

    expect(await last).toBe(true);
    expect(leases.calls).toEqual(['hold a', 'release a']);
  });

  it('keeps the order of coming and going when the store is slow (I2)', async () => {
    const done = Promise.all([holders.acquire('a'), holders.release('a'), holders.acquire('a')]);
    await Promise.resolve();
    await Promise.resolve();
    expect(leases.calls).toEqual(['hold a']);
    await answerAll();
    const [, wasLast] = await done;

    expect(leases.calls).toEqual(['hold a', 'release a', 'hold a']);
    // Somebody came back while the release was under way: no grace begins.
    expect(wasLast).toBe(false);
  });

  it('refreshes every held job in one call', async () => {
    const held = Promise.all([holders.acquire('a'), holders.acquire('b')]);
    await answerAll();
    await held;
    timers.shift()?.();

    expect(leases.calls.at(-1)).toBe('refresh a b 6000');
    expect(timers).toHaveLength(1);
  });

  it('releases nothing once it drains (I3)', async () => {
    const held = holders.acquire('a');
    await answerAll();
    await held;
    const extended = holders.extendAll(30_000);
    await answerAll();
    await extended;

    expect(await holders.release('a')).toBe(false);
    expect(leases.calls).toEqual(['hold a', 'refresh a 30000']);
  });
});
