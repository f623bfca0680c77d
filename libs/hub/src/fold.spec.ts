import { describe, expect, it } from '@jest/globals';
import type { FoldKind, JobEvent } from '@stepcast/protocol';
import { Fold, MAX_LOG_LINES, appendData } from './index.js';

const kinds: Record<string, FoldKind> = { step: 'latest', token: 'append', note: 'all' };
const foldOf = (type: string): FoldKind => kinds[type] ?? 'all';

let seq = 0;
const event = (type: string, data: unknown, attempt = 1): JobEvent => ({
  job: 'j',
  seq: ++seq,
  attempt,
  type,
  at: 0,
  data,
});

function folded(...events: JobEvent[]) {
  const fold = new Fold(foldOf);
  for (const one of events) fold.apply(one);
  return fold.state;
}

describe('Fold', () => {
  it('keeps the newest, joins, or keeps all, as the type says', () => {
    const state = folded(
      event('started', { worker: 'w' }),
      ...['a', 'b', 'c'].flatMap((text, index) => [
        event('step', { step: index }),
        event('token', { index, text }),
        event('note', text),
      ]),
    );

    expect(state).toMatchObject({
      status: 'running',
      attempt: 1,
      started: { worker: 'w' },
      events: { step: { step: 2 }, token: { index: 2, text: 'abc' }, note: ['a', 'b', 'c'] },
    });
  });

  it('discards the events of earlier attempts at a restart, and keeps them at a resume', () => {
    const restart = event('attempt', { attempt: 2, mode: 'restart', fromSeq: 3 }, 2);
    const resume = event('attempt', { attempt: 2, mode: 'resume', fromSeq: 3 }, 2);

    expect(folded(event('note', 1), restart, event('note', 2, 2)).events).toEqual({ note: [2] });
    expect(folded(event('note', 1), resume, event('note', 2, 2)).events).toEqual({ note: [1, 2] });
  });

  it('drops what a dead attempt emitted behind the checkpoint by the snapshot behind the resume', () => {
    const covered = [event('note', 1), event('token', 'a'), event('step', 1)];
    const left = JSON.parse(JSON.stringify(folded(...covered))) as object;
    const voided = [event('note', 2), event('token', 'b'), event('step', 2)];
    const again = [event('note', 2, 2), event('token', 'b', 2), event('step', 2, 2)];
    const resume = event('attempt', { attempt: 2, mode: 'resume', fromSeq: 4 }, 2);
    const snapshot = event('snapshot', { ...left, attempt: 2 }, 2);

    const state = folded(...covered, ...voided, resume, snapshot, ...again);

    expect(state.events).toEqual({ note: [1, 2], token: 'ab', step: 2 });
  });

  it('ends with the terminal event', () => {
    const end = event('failed', { code: 'model_error', message: 'no' });

    expect(folded(event('queued', {}), end)).toMatchObject({ status: 'failed', end });
  });

  it('goes on from a snapshot as if it had seen what the snapshot stands for', () => {
    const events = [event('token', { text: 'a' }), event('note', 1), event('token', { text: 'b' })];
    const whole = folded(...events);
    const half = folded(...events.slice(0, 2));
    const resumed = new Fold(foldOf);
    resumed.apply(event('snapshot', JSON.parse(JSON.stringify(half))));
    resumed.apply(events[2]!);

    expect(resumed.state).toEqual(whole);
  });

  it('keeps a bounded number of log lines', () => {
    const lines = Array.from({ length: MAX_LOG_LINES + 5 }, (_, index) => event('log', { index }));

    expect(folded(...lines).log).toHaveLength(MAX_LOG_LINES);
    expect(folded(...lines).log[0]).toEqual({ index: 5 });
  });
});

describe('appendData', () => {
  it.each([
    ['a', 'b', 'ab'],
    [[1], [2, 3], [1, 2, 3]],
    [
      { text: 'a', index: 0 },
      { text: 'b', index: 1 },
      { text: 'ab', index: 1 },
    ],
    [1, 2, 2],
    ['a', 2, 2],
  ])('joins %j and %j to %j', (before, data, joined) => {
    expect(appendData(before, data)).toEqual(joined);
  });
});
