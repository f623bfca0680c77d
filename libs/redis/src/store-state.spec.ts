import { describe, expect, it } from '@jest/globals';
import { StoreState } from './store-state.js';
import type { TroubleKind } from './trouble.js';

function setUp() {
  const told: string[] = [];
  const state = new StoreState((change) => {
    const { kind } = change.trouble;
    if (change.kind === 'began') told.push(`${kind} began`);
    else told.push(`${kind} ended after ${change.durationMs}: ${change.trouble.failures}`);
  });
  const fail = (kind: TroubleKind, now: number) => {
    state.failed({ kind, reason: 'why' }, now);
  };
  return { told, state, fail };
}

describe('StoreState', () => {
  it('tells a spell twice, however many calls fail (T1)', () => {
    const { told, state, fail } = setUp();
    fail('unreachable', 0);
    fail('unreachable', 500);
    fail('unreachable', 1_000);
    state.worked(4_000);
    state.worked(5_000);

    expect(told).toEqual(['unreachable began', 'unreachable ended after 4000: 3']);
    expect(state.trouble).toBeUndefined();
  });

  it('tells a change of kind as the end of one and the beginning of another (T1)', () => {
    const { told, fail, state } = setUp();
    fail('unreachable', 0);
    fail('loading', 100);

    expect(told).toEqual(['unreachable began', 'unreachable ended after 100: 1', 'loading began']);
    expect(state.trouble).toMatchObject({ kind: 'loading', since: 100, failures: 1 });
  });

  it('is not well while Redis refused a moment ago (T3)', () => {
    const { state, fail } = setUp();
    fail('full', 0);
    state.worked(100);
    expect(state.trouble?.kind).toBe('full');

    fail('full', 2_000);
    state.worked(4_000);
    expect(state.trouble?.failures).toBe(2);

    state.worked(4_500);
    expect(state.trouble).toBeUndefined();
  });

  it('counts failures by kind, for the metrics', () => {
    const { state, fail } = setUp();
    fail('full', 0);
    state.worked(9_000);
    fail('full', 9_001);
    fail('readonly', 9_002);

    expect([...state.failures]).toEqual([
      ['full', 2],
      ['readonly', 1],
    ]);
  });
});
