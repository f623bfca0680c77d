import { describe, expect, it } from '@jest/globals';
import { parseEventsRequest, parseMultiEventsRequest, streamKind } from './stream-request.js';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('a request to watch', () => {
  it('begins at the start and holds, unless told otherwise', () => {
    expect(parseEventsRequest({}, {})).toEqual({ from: 'start', hold: true });
    expect(parseEventsRequest({ from: 'now', hold: 'false' }, {})).toEqual({
      from: 'now',
      hold: false,
    });
  });

  it('prefers Last-Event-ID, which a browser sets by itself', () => {
    expect(parseEventsRequest({ from: 'start' }, { 'last-event-id': 'e.7' })).toEqual({
      from: { epoch: 'e', seq: 7 },
      hold: true,
    });
  });

  it('is refused with a bad position or a bad flag', () => {
    expect(() => parseEventsRequest({ from: '7' }, {})).toThrow(code('invalid_position'));
    expect(() => parseEventsRequest({ hold: 'maybe' }, {})).toThrow(code('invalid_input'));
  });

  it('of several jobs takes each once, at most sixteen, each from its own position', () => {
    const request = parseMultiEventsRequest({ job: ['a', 'b', 'a'] }, { 'last-event-id': 'b:e.3' });

    expect([...request.from]).toEqual([
      ['a', 'start'],
      ['b', { epoch: 'e', seq: 3 }],
    ]);
    const many = Array.from({ length: 17 }, (_, index) => `j${index}`);
    expect(() => parseMultiEventsRequest({ job: many }, {})).toThrow(code('invalid_input'));
    expect(() => parseMultiEventsRequest({}, {})).toThrow(code('invalid_input'));
  });
});

describe('the format of a stream', () => {
  it.each([
    [undefined, 'sse'],
    ['*/*', 'sse'],
    ['application/json, text/event-stream', 'sse'],
    ['application/x-ndjson', 'ndjson'],
    ['application/x-ndjson, text/event-stream', 'sse'],
  ])('for Accept %s is %s', (accept, kind) => {
    expect(streamKind(accept === undefined ? {} : { accept })).toBe(kind);
  });
});
