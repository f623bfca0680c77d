import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FoldKind, JobEvent } from '@stepcast/protocol';
import { mergeBacklog } from './backlog.js';
import { Fold } from './fold.js';
import type { LogEntry } from './ports/job-log.port.js';

const FOLDS: Record<string, FoldKind> = { step: 'latest', token: 'append', sound: 'append' };
const foldOf = (type: string): FoldKind => FOLDS[type] ?? 'all';

type Given = readonly [type: string, data: unknown, attempt?: number];

function entriesOf(events: readonly Given[], firstSeq = 1): LogEntry[] {
  return events.map(([type, data, attempt = 1], index) => {
    const seq = firstSeq + index;
    return {
      seq,
      type,
      json: JSON.stringify({ job: 'j', seq, attempt, type, at: 1_000 + seq, data }),
    };
  });
}

function merge(entries: readonly LogEntry[], maxJoinedBytes = 10_000): LogEntry[] {
  return [...mergeBacklog(entries, foldOf, maxJoinedBytes)];
}

const shown = (entries: readonly LogEntry[]) =>
  entries.map(({ seq, type, json }) => [seq, type, (JSON.parse(json) as JobEvent).data]);

describe('mergeBacklog', () => {
  it('leaves out what a newer latest event replaces, and joins appends that then follow each other', () => {
    const merged = merge(
      entriesOf([
        ['step', 1],
        ['token', { text: 'a' }],
        ['step', 2],
        ['token', { text: 'b' }],
        ['line', 'kept'],
        ['token', { text: 'c' }],
        ['step', 3],
      ]),
    );

    expect(shown(merged)).toEqual([
      [4, 'token', { text: 'ab' }],
      [5, 'line', 'kept'],
      [6, 'token', { text: 'c' }],
      [7, 'step', 3],
    ]);
  });

  it('encodes a joined event as the log does, with seq and time of the last, and no other anew (B4)', () => {
    const [joined, alone] = merge(
      entriesOf([
        ['token', 'a'],
        ['token', 'b'],
        ['log', { level: 'info', message: 'x' }],
      ]),
    );

    expect(joined?.json).toBe(
      '{"job":"j","seq":2,"attempt":1,"type":"token","at":1002,"data":"ab"}',
    );
    expect(alone).toEqual(entriesOf([['log', { level: 'info', message: 'x' }]], 3)[0]);
  });

  it('joins no more than it is told (B4)', () => {
    const entries = entriesOf(Array.from({ length: 10 }, () => ['token', 'x'.repeat(50)]));
    const merged = merge(entries, 3 * (entries[0]?.json.length ?? 0));

    expect(merged.map(({ seq }) => seq)).toEqual([3, 6, 9, 10]);
  });

  it.each(['attempt', 'snapshot', 'completed'])('does nothing across %s (B3)', (barrier) => {
    const merged = merge(
      entriesOf([
        ['step', 1],
        ['token', 'a'],
        [barrier, {}],
        ['token', 'b'],
        ['step', 2],
      ]),
    );

    expect(merged.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ['a text and a number', 'a', 1],
    ['a number and a text', 1, 'a'],
    ['a list and an object', [1], { a: 1 }],
    ['objects whose field changes its kind', { text: 1 }, { text: 'a' }],
  ])('does not join %s, which would then join otherwise to what a viewer holds (B1)', (_, a, b) => {
    expect(
      merge(
        entriesOf([
          ['token', a],
          ['token', b],
        ]),
      ),
    ).toHaveLength(2);
  });

  it('does not join two kinds of append', () => {
    const merged = merge(
      entriesOf([
        ['token', 'a'],
        ['sound', 'b'],
        ['token', 'c'],
      ]),
    );

    expect(merged).toHaveLength(3);
  });

  const data = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.array(fc.nat(9), { maxLength: 2 }),
    fc.constantFrom<unknown>(null, 1),
    fc.record(
      { text: fc.oneof(fc.string({ maxLength: 2 }), fc.constant(1)), n: fc.nat(9) },
      { requiredKeys: [] },
    ),
  );
  const type = fc.constantFrom('step', 'step', 'token', 'token', 'token', 'sound', 'line', 'log');
  const event = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(type, data) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('restart', 'resume')
        .map((mode): [string, unknown] => ['attempt', { attempt: 2, mode, fromSeq: 1 }]),
    },
  );

  it('folds to the same state, wherever a viewer stops and resumes (B1, B2)', () => {
    const program = fc.tuple(
      fc.array(event, { minLength: 5, maxLength: 30 }),
      fc.nat(8),
      fc.nat(20),
    );
    let left = 0;
    fc.assert(
      fc.property(program, ([events, held, cut]) => {
        const all = entriesOf(events);
        // A viewer that holds some of them is sent the rest merged, loses its connection, and resumes.
        const before = all.slice(0, held);
        const sent = merge(all.slice(held), 400);
        const seen = [...before, ...sent.slice(0, cut)];
        const position = seen.at(-1)?.seq ?? 0;
        left += all.length - before.length - sent.length;

        expect(foldAll([...seen, ...all.slice(position)])).toEqual(foldAll(all));
        const seqs = [...before, ...sent].map(({ seq }) => seq);
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
        expect(seqs.at(-1) ?? 0).toBe(all.length);
      }),
      { numRuns: 2_000 },
    );

    // The programs did reach what they are meant to test.
    expect(left).toBeGreaterThan(2_000);
  });
});

function foldAll(entries: readonly LogEntry[]): unknown {
  const fold = new Fold(foldOf);
  for (const { json } of entries) fold.apply(JSON.parse(json) as JobEvent);
  return structuredClone(fold.state);
}
