import { describe, expect, it } from '@jest/globals';
import { encodeVector, parseVector, streamFormats, vectorEncoder } from './stream-encoders.js';

const entries = [
  { seq: 1, type: 'queued', json: '{"seq":1}' },
  { seq: 2, type: 'step', json: '{"seq":2,"text":"ü"}' },
];

/** Undoes HTTP/1.1 chunked coding, strictly. */
function dechunk(bytes: Uint8Array): string {
  const parts: Buffer[] = [];
  let rest = Buffer.from(bytes);
  while (rest.length > 0) {
    const line = rest.indexOf('\r\n');
    const size = parseInt(rest.toString('latin1', 0, line), 16);
    parts.push(rest.subarray(line + 2, line + 2 + size));
    expect(rest.toString('latin1', line + 2 + size, line + 4 + size)).toBe('\r\n');
    rest = rest.subarray(line + 4 + size);
  }
  return Buffer.concat(parts).toString();
}

describe('stream formats', () => {
  it('write SSE blocks with position, type and the bytes of the event', () => {
    const expected =
      'id: e.1\nevent: queued\ndata: {"seq":1}\n\nid: e.2\nevent: step\ndata: {"seq":2,"text":"ü"}\n\n';

    expect(dechunk(streamFormats.sse.chunked.encoder.events('e', entries))).toBe(expected);
    expect(Buffer.from(streamFormats.sse.plain.encoder.events('e', entries)).toString()).toBe(
      expected,
    );
  });

  it('write one NDJSON line per event', () => {
    expect(dechunk(streamFormats.ndjson.chunked.encoder.events('e', entries))).toBe(
      '{"seq":1}\n{"seq":2,"text":"ü"}\n',
    );
  });

  it('give a snapshot the id of its position, and a reset none', () => {
    const { encoder } = streamFormats.sse.plain;
    const reset = Buffer.from(encoder.reset({ job: 'j', epoch: 'e', reason: 'lost' })).toString();
    const snapshot = Buffer.from(
      encoder.snapshot({ job: 'j', position: 'e.7', attempt: 1, status: 'running', state: {} }),
    ).toString();

    expect(reset).toBe('event: reset\ndata: {"job":"j","epoch":"e","reason":"lost"}\n\n');
    expect(snapshot).toMatch(/^id: e\.7\nevent: snapshot\ndata: \{.*\}\n\n$/);
  });

  it('say farewell over SSE with a time to come back', () => {
    expect(dechunk(streamFormats.sse.chunked.farewell(700))).toBe('retry: 700\n\n');
  });
});

describe('a vector id', () => {
  it('holds the positions of all jobs and is read back', () => {
    const positions = new Map([
      ['a', 'e.0'],
      ['b', 'f.3'],
    ]);
    const text = dechunk(vectorEncoder(positions, 'a', true).events('e', entries));

    expect(text.match(/^id: .*$/gm)).toEqual(['id: a:e.1,b:f.3', 'id: a:e.2,b:f.3']);
    expect(parseVector(encodeVector(positions))).toEqual(positions);
    expect(parseVector('nonsense')).toEqual(new Map());
  });
});
