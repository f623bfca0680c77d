import { describe, expect, it } from '@jest/globals';

import { assemble, stateOf } from './log-page.js';
import type { JobRecord, LogEntry } from './ports/job-log.port.js';

const entry = (seq: number, type = 'step'): LogEntry => ({ seq, type, json: '{}' });
const end = '{"type":"completed"}';
const record = { id: 'job', epoch: 'e', attempt: 2, status: 'completed', top: 8, end } as JobRecord;

describe('assemble', () => {
  it('hands on what follows, up to a hole', () => {
    const page = { record, entries: [entry(3), entry(4), entry(6)] };

    expect(assemble(page, 2)).toEqual({ entries: [entry(3), entry(4)] });
  });

  it('begins behind a stored snapshot', () => {
    const snapshot = { seq: 5, state: '{}' };

    expect(assemble({ record, snapshot, entries: [entry(6), entry(7)] }, 2)).toEqual({
      base: snapshot,
      entries: [entry(6), entry(7)],
    });
  });

  it('tells of the end by the record when nothing else is left', () => {
    const { base } = assemble({ record, entries: [] }, 2);

    expect(base?.seq).toBe(8);
    expect(stateOf(base!)).toMatchObject({ status: 'completed', end: { type: 'completed' } });
  });

  it('does not tell of the end before the events that follow a hole', () => {
    const { base, entries } = assemble({ record, entries: [entry(7), entry(8, 'completed')] }, 2);

    expect(base?.seq).toBe(6);
    expect(stateOf(base!)).toMatchObject({ status: 'running', attempt: 2 });
    expect(stateOf(base!).end).toBeUndefined();
    expect(entries).toEqual([entry(7), entry(8, 'completed')]);
  });
});
