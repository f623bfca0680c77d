import { describe, expect, it } from '@jest/globals';
import type { JobOptions } from '@stepcast/protocol';
import { EXCUSE_MS, SILENCE_MS, decideStop, type StopFacts } from './stop-decision.js';

const NOW = 1_000_000;

const options = (policy: 'cancel' | 'continue', graceMs = 5_000): JobOptions => ({
  onDisconnect: { policy, graceMs },
  firstAttachMs: 30_000,
  priority: 0,
  attempts: 1,
  startTimeoutMs: 3_600_000,
  timeoutMs: 3_600_000,
  retainMs: 3_600_000,
});

/** A held job with policy cancel that was looked at a second ago. */
const facts = (change: Partial<StopFacts> = {}): StopFacts => ({
  options: options('cancel'),
  createdAt: NOW - 60_000,
  startedAt: NOW - 60_000,
  interestFrom: NOW - 60_000,
  isHeld: true,
  seenAt: NOW - 1_000,
  trustAt: 0,
  ...change,
});

const stopBy = (change: Partial<StopFacts>, isWaiting = false) =>
  decideStop(facts(change), NOW, isWaiting).stop?.by;

const order = { by: 'client', reason: 'no', at: 7 } as const;

describe('decideStop', () => {
  it.each([
    ['D1 the first order stands', { stop: order, leaseUntil: NOW + 1 }, 'client'],
    ['D2 nobody there', { options: options('continue'), idleAt: 0 }, undefined],
    ['D3 first holder is awaited', { isHeld: false, interestFrom: NOW - 30_000 }, undefined],
    ['D3 first holder never came', { isHeld: false, interestFrom: NOW - 30_001 }, 'disconnect'],
    ['D4 a live lease', { leaseUntil: NOW + 1, idleAt: 0 }, undefined],
    ['D4 left, within grace', { idleAt: NOW - 5_000 }, undefined],
    ['D4 left, grace is over', { idleAt: NOW - 5_001 }, 'disconnect'],
    ['D4 expired, within grace', { leaseUntil: NOW - 5_000 }, undefined],
    ['D4 expired, grace is over', { leaseUntil: NOW - 5_001 }, 'disconnect'],
    ['D4 expired after another left', { leaseUntil: NOW - 4_000, idleAt: NOW - 9_000 }, undefined],
    ['D4 left after another expired', { leaseUntil: NOW - 9_000, idleAt: NOW - 4_000 }, undefined],
    ['D5 nobody looked', { leaseUntil: NOW - 6_000, seenAt: NOW - SILENCE_MS - 1 }, undefined],
    ['D5 excused, not over', { leaseUntil: NOW - 9_000, trustAt: NOW + 1 }, undefined],
    ['D5 excused, over', { leaseUntil: NOW - 9_000, trustAt: NOW }, 'disconnect'],
    ['D5 a clean leave', { idleAt: NOW - 6_000, seenAt: NOW - 60_000 }, 'disconnect'],
  ] as const)('%s → %s', (_rule, change, expected) => {
    expect(stopBy(change)).toBe(expected);
  });

  it('excuses an expiry once (D5)', () => {
    const expired = facts({ leaseUntil: NOW - 60_000, seenAt: NOW - 60_000 });
    const first = decideStop(expired, NOW, false);
    const later = NOW + EXCUSE_MS;
    const second = decideStop({ ...expired, seenAt: NOW, trustAt: first.trustAt }, later, false);

    expect(first).toEqual({ stop: undefined, idleAt: undefined, trustAt: later });
    expect(second.stop).toMatchObject({ by: 'disconnect', at: later });
  });

  it('counts from the first look when the leases are gone without a trace', () => {
    expect(decideStop(facts(), NOW, false)).toEqual({ stop: undefined, idleAt: NOW, trustAt: 0 });
  });

  it.each([
    ['waits and is late', NOW - 3_600_001, undefined, true, 'timeout'],
    ['waits and is in time', NOW - 3_600_000, undefined, true, undefined],
    ['waits for another attempt', NOW - 3_600_001, NOW - 9, true, undefined],
    ['runs', NOW - 3_600_001, NOW - 9, false, undefined],
  ])('D6 a job that %s', (_what, createdAt, startedAt, isWaiting, expected) => {
    expect(stopBy({ createdAt, startedAt, leaseUntil: NOW + 1 }, isWaiting)).toBe(expected);
  });
});
