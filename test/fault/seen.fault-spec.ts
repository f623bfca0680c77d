// The oracle of all the other tests must itself be able to say no.
import { describe, expect, it } from '@jest/globals';
import type { JobState } from '@stepcast/hub';

import { Seen } from '../support/seen.js';

const event = (seq: number, type = 'step'): string =>
  JSON.stringify({ job: 'j', seq, attempt: 1, type, at: 1, data: {} });

const state = { status: 'running', attempt: 1, events: {}, log: [] } as unknown as JobState;

/** A viewer that has seen two events of the epoch `a`. */
function viewer(): Seen {
  const seen = new Seen({ foldOf: () => 'all' });
  seen.begin('a.0');
  seen.event(event(1), 'a.1');
  seen.event(event(2));
  return seen;
}

describe('what a viewer saw', () => {
  it('is without fault when it is whole, also across a reset and a return', () => {
    const seen = viewer();
    seen.begin('a.2');
    seen.event(event(3), 'a.3');
    seen.begin('b.9');
    seen.reset('lost');
    seen.snapshot('b.9', state);
    seen.event(event(10, 'completed'), 'b.10');

    expect(seen.faults).toEqual([]);
    expect(seen.position).toBe('b.10');
  });

  it('may have begun in another epoch, as long as it held nothing', () => {
    const seen = new Seen({ foldOf: () => 'all' });
    seen.begin('a.0');
    seen.event(event(1), 'b.1');

    expect(seen.faults).toEqual([]);
    expect(seen.position).toBe('b.1');
  });

  it.each<[string, string, (seen: Seen) => void]>([
    [
      'a hole',
      'lost',
      (seen) => {
        seen.event(event(4));
      },
    ],
    [
      'an event that comes twice',
      'repeated',
      (seen) => {
        seen.event(event(2));
      },
    ],
    [
      'an id of another epoch',
      'malformed',
      (seen) => {
        seen.event(event(3), 'b.3');
      },
    ],
    [
      'an id of another event',
      'malformed',
      (seen) => {
        seen.event(event(3), 'a.4');
      },
    ],
    [
      'an event without its id',
      'malformed',
      (seen) => {
        seen.event(event(3), 'missing');
      },
    ],
    [
      'another epoch without a reset',
      'malformed',
      (seen) => {
        seen.begin('b.2');
        seen.event(event(3));
      },
    ],
    [
      'a snapshot without a reset',
      'malformed',
      (seen) => {
        seen.snapshot('a.5', state);
      },
    ],
    [
      'a reset without a snapshot',
      'malformed',
      (seen) => {
        seen.reset('lost');
        seen.event(event(3));
      },
    ],
    [
      'an event behind the end',
      'after the end',
      (seen) => {
        seen.event(event(3, 'completed'));
        seen.event(event(4));
      },
    ],
  ])('%s is a fault: %s', (_name, kind, happen) => {
    const seen = viewer();

    happen(seen);

    expect(seen.faults.map((fault) => fault.kind)).toEqual([kind]);
  });
});
