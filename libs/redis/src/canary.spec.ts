import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { Canary } from './canary.js';
import { Keys } from './keys.js';
import type { Subscriber } from './subscriber.js';

/** A canary whose probes come back, or are lost, or are not taken. */
function setUp() {
  const world = { probes: 'come back' as 'come back' | 'are lost' | 'are refused' };
  let hear = (): void => undefined;
  const disconnect = jest.fn();
  const told: string[] = [];
  const publish = (): Promise<number> => {
    if (world.probes === 'are refused') return Promise.reject(new Error('down'));
    if (world.probes === 'come back') hear();
    return Promise.resolve(1);
  };
  const subscriber = {
    listen: (_channel: string, listener: () => void) => {
      hear = listener;
      return Promise.resolve();
    },
  };
  const canary = new Canary(
    new Keys('test'),
    {
      commands: { publish } as unknown as Redis,
      subscriber: { disconnect } as unknown as Redis,
    },
    subscriber as unknown as Subscriber,
    { onHeard: () => void told.push('heard'), onSilent: () => void told.push('silent') },
  );
  return { world, canary, disconnect, told };
}

describe('Canary', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is young while probes come back', async () => {
    const { canary, disconnect } = setUp();
    await canary.start();
    await jest.advanceTimersByTimeAsync(60_000);

    expect(canary.ageMs).toBeLessThanOrEqual(5_000);
    expect(disconnect).not.toHaveBeenCalled();
    canary.stop();
  });

  it('gives the subscriber connection up when probes that Redis took do not come back', async () => {
    const { world, canary, disconnect, told } = setUp();
    await canary.start();
    world.probes = 'are lost';
    await jest.advanceTimersByTimeAsync(15_000);

    expect(disconnect).toHaveBeenCalledWith(true);
    expect(told).toEqual(['heard', 'silent']);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(disconnect).toHaveBeenCalledTimes(1);
    canary.stop();
  });

  it('does not blame the subscriber connection for an outage of Redis', async () => {
    const { world, canary, disconnect } = setUp();
    await canary.start();
    world.probes = 'are refused';
    await jest.advanceTimersByTimeAsync(60_000);
    expect(disconnect).not.toHaveBeenCalled();

    world.probes = 'come back';
    await jest.advanceTimersByTimeAsync(5_000);
    expect(canary.ageMs).toBe(0);
    canary.stop();
  });

  it('does not blame a connection for probes that were taken while it reconnected', async () => {
    const { world, canary, disconnect } = setUp();
    await canary.start();
    world.probes = 'are refused';
    await jest.advanceTimersByTimeAsync(30_000);
    world.probes = 'are lost';
    await jest.advanceTimersByTimeAsync(10_000);
    world.probes = 'come back';
    canary.resubscribed();
    expect(canary.ageMs).toBe(0);

    await jest.advanceTimersByTimeAsync(30_000);
    expect(disconnect).not.toHaveBeenCalled();
    canary.stop();
  });
});
