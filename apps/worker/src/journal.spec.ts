import { describe, expect, it } from '@jest/globals';
import type { FoldKind } from '@stepcast/protocol';
import { Journal } from './journal.js';

const kinds: Record<string, FoldKind> = { step: 'latest', token: 'append' };
const foldOf = (type: string): FoldKind => kinds[type] ?? 'all';

/** A journal of `token` and `step` in turn: seqs 1 … count. */
function journalOf(count: number): Journal {
  const journal = new Journal(foldOf);
  for (let seq = 1; seq <= count; seq++) {
    const [type, data] = seq % 2 === 1 ? ['token', `"${seq} "`] : ['step', String(seq)];
    journal.add({ job: 'j', seq, attempt: 1, type, at: 0, data });
  }
  return journal;
}

const eventsOf = (state: string) => (JSON.parse(state) as { events: unknown }).events;

describe('Journal', () => {
  it('gives the state at a seq and keeps what is behind it', () => {
    const journal = journalOf(7);

    expect(eventsOf(journal.encodeState(4))).toEqual({ token: '1 3 ', step: 4 });
    expect([journal.events, journal.bytes, journal.foldedTo]).toEqual([3, 9, 4]);
    expect(eventsOf(journal.encodeState())).toEqual({ token: '1 3 5 7 ', step: 6 });
    expect([journal.events, journal.bytes, journal.foldedTo]).toEqual([0, 0, 7]);
  });

  it('gives the same state whatever states were asked for before', () => {
    const journal = journalOf(9);
    for (let seq = 0; seq <= 9; seq++) {
      expect(journal.encodeState(seq)).toBe(journalOf(seq).encodeState());
    }
  });

  it('says how much lies behind a seq', () => {
    const journal = journalOf(7);

    expect(journal.behind(4)).toEqual({ events: 3, bytes: 9 });
    expect(journal.behind(7)).toEqual({ events: 0, bytes: 0 });
  });

  it('cannot give a state that was folded into a later one', () => {
    const journal = journalOf(7);
    journal.encodeState(4);

    expect(() => journal.encodeState(3)).toThrow(RangeError);
  });
});
