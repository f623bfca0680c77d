import { describe, expect, it } from '@jest/globals';
import type { JobRecord, LogEntry } from '@stepcast/hub';
import { cursorOf, toLogView } from './log-view.js';

const head = { epoch: 'e2', seq: 5 };
const record = { id: 'j', epoch: 'e2', top: 5, status: 'running', attempt: 1 } as JobRecord;
const entry = (seq: number): LogEntry => ({ seq, type: 'step', json: `{"seq":${seq}}` });

describe('cursorOf', () => {
  it.each([
    ['start', 'start' as const, { after: 0, isVoid: false }],
    ['now', 'now' as const, { after: 5, isVoid: false }],
    ['a position', { epoch: 'e2', seq: 3 }, { after: 3, isVoid: false }],
    ['a position of another life', { epoch: 'e1', seq: 3 }, { after: 0, isVoid: true }],
    ['a position beyond the end', { epoch: 'e2', seq: 6 }, { after: 0, isVoid: true }],
  ])('%s', (_name, from, expected) => {
    expect(cursorOf(from, head)).toEqual(expected);
  });
});

describe('toLogView', () => {
  it('shows events and where to go on', () => {
    const cursor = { after: 3, isVoid: false };

    expect(toLogView({ record, entries: [entry(4), entry(5)] }, cursor)).toEqual({
      events: [{ seq: 4 }, { seq: 5 }],
      position: 'e2.5',
      closed: false,
    });
  });

  it('is closed only when the terminal event has been shown', () => {
    const ended: JobRecord = { ...record, status: 'completed' };
    const cursor = { after: 3, isVoid: false };

    expect(toLogView({ record: ended, entries: [entry(4)] }, cursor).closed).toBe(false);
    expect(toLogView({ record: ended, entries: [entry(4), entry(5)] }, cursor).closed).toBe(true);
    expect(toLogView({ record: ended, entries: [] }, { after: 5, isVoid: false }).closed).toBe(
      true,
    );
  });

  it('puts a snapshot in the place of trimmed events, and says reset to who held some', () => {
    const page = {
      record,
      entries: [entry(5)],
      snapshot: { seq: 4, state: '{"status":"running"}' },
    };

    const view = toLogView(page, { after: 2, isVoid: false });

    expect(view).toEqual({
      events: [{ seq: 5 }],
      position: 'e2.5',
      closed: false,
      reset: true,
      snapshot: { position: 'e2.4', state: { status: 'running' } },
    });
    expect(toLogView(page, { after: 0, isVoid: false })).not.toHaveProperty('reset');
  });

  it('says reset to a reader of another life', () => {
    const page = { record, entries: [1, 2, 3, 4, 5].map(entry) };

    expect(toLogView(page, { after: 0, isVoid: true })).toMatchObject({ reset: true });
  });
});
