import { describe, expect, it } from '@jest/globals';
import { FaultSpell } from './fault-spell.js';

function setUp() {
  const told: string[] = [];
  const clock = { ms: 0 };
  const spell = new FaultSpell({
    began: (error) => told.push(`began: ${String(error)}`),
    ended: ({ durationMs, failures }) => told.push(`ended after ${durationMs}: ${failures}`),
    now: () => clock.ms,
  });
  return { told, clock, spell };
}

describe('FaultSpell', () => {
  it('is told twice, however often it fails', () => {
    const { told, clock, spell } = setUp();
    spell.failed('down');
    spell.failed('down');
    clock.ms = 1_500;
    spell.failed('still down');
    spell.worked();
    spell.worked();

    expect(told).toEqual(['began: down', 'ended after 1500: 3']);
  });

  it('counts the next spell anew', () => {
    const { told, spell } = setUp();
    spell.failed('a');
    spell.worked();
    spell.failed('b');
    spell.worked();

    expect(told).toEqual(['began: a', 'ended after 0: 1', 'began: b', 'ended after 0: 1']);
  });
});
