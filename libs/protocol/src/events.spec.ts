import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  encodePosition,
  encodeSseEvent,
  encodeSsePrime,
  isTerminalType,
  jobEventSchema,
  messages,
  readEventType,
  reservedData,
} from './index.js';

interface Vectors {
  epoch: string;
  cases: { name: string; event: string; type: string; sse: string; ws: string }[];
}

const { epoch, cases } = JSON.parse(
  readFileSync(new URL('../test-vectors/events.json', import.meta.url), 'utf8'),
) as Vectors;

describe('events', () => {
  it.each(cases)('writes $name for SSE and WebSocket', ({ event, type, sse, ws }) => {
    const { seq } = jobEventSchema.parse(JSON.parse(event));

    expect(readEventType(event)).toBe(type);
    expect(encodeSseEvent(encodePosition({ epoch, seq }), type, event)).toBe(sse);
    expect(messages.event(event)).toBe(ws);
  });

  it('keeps the bytes of the event on every transport', () => {
    for (const { event, sse, ws } of cases) {
      expect(sse).toContain(event);
      expect(ws).toBe(`{"op":"event",${event.slice(1)}`);
    }
  });

  it('primes the cursor of an EventSource without dispatching an event', () => {
    expect(encodeSsePrime(1000, 'k3.0')).toBe('retry: 1000\nid: k3.0\ndata:\n\n');
    expect(encodeSsePrime(1000, undefined)).toBe('retry: 1000\n\n');
  });

  it('knows the three types that end a job', () => {
    expect(Object.keys(reservedData).filter(isTerminalType)).toEqual([
      'completed',
      'failed',
      'cancelled',
    ]);
  });

  it('refuses to read the type of something else', () => {
    expect(() => readEventType('{"type":"queued"}')).toThrow(TypeError);
  });
});
