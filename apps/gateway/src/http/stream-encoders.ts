import type { Encoder } from '@stepcast/hub';
import { SSE_HEARTBEAT, encodePosition, encodeSseEvent, encodeSsePrime } from '@stepcast/protocol';

/** A stream over HTTP: SSE or one JSON text a line. */
export interface StreamFormat {
  readonly contentType: string;
  readonly encoder: Encoder;
  /** The first bytes, before any event. */
  prime(retryMs: number, id: string): Buffer;
  /** Something that readers skip. */
  readonly heartbeat: Buffer;
  /** What a reader is told before the hub ends the stream early. */
  farewell(retryMs: number): Buffer;
}

type Wrap = (text: string) => Buffer;

/**
 * One chunk of HTTP/1.1 chunked coding (RFC 9112 §7.1) around whole events, encoded once for all
 * readers: `res.write` would build size line, data and line end anew for each.
 */
const chunked: Wrap = (text) => {
  const size = Buffer.byteLength(text).toString(16);
  return Buffer.from(`${size}\r\n${text}\r\n`);
};

/** For HTTP/1.0 readers, who know no chunks. */
const plain: Wrap = (text) => Buffer.from(text);

function sse(wrap: Wrap): StreamFormat {
  const block = (position: string, type: string, data: string): string =>
    encodeSseEvent(position, type, data);
  return {
    contentType: 'text/event-stream; charset=utf-8',
    encoder: {
      events: (epoch, entries) =>
        wrap(
          entries
            .map(({ seq, type, json }) => block(encodePosition({ epoch, seq }), type, json))
            .join(''),
        ),
      reset: (message) => wrap(`event: reset\ndata: ${JSON.stringify(message)}\n\n`),
      snapshot: (message) => wrap(block(message.position, 'snapshot', JSON.stringify(message))),
    },
    prime: (retryMs, id) => wrap(encodeSsePrime(retryMs, id)),
    heartbeat: wrap(SSE_HEARTBEAT),
    farewell: (retryMs) => wrap(encodeSsePrime(retryMs, undefined)),
  };
}

function ndjson(wrap: Wrap): StreamFormat {
  const line = (value: object): Buffer => wrap(`${JSON.stringify(value)}\n`);
  return {
    contentType: 'application/x-ndjson; charset=utf-8',
    encoder: {
      events: (_epoch, entries) => wrap(entries.map(({ json }) => `${json}\n`).join('')),
      reset: (message) => line({ type: 'reset', ...message }),
      snapshot: (message) => line({ type: 'snapshot', ...message }),
    },
    prime: () => Buffer.alloc(0),
    heartbeat: wrap('\n'),
    farewell: () => Buffer.alloc(0),
  };
}

/** The four ways to write a stream, each one shared object: equal encoders share their chunks. */
export const streamFormats = {
  sse: { chunked: sse(chunked), plain: sse(plain) },
  ndjson: { chunked: ndjson(chunked), plain: ndjson(plain) },
} as const;

export type StreamKind = keyof typeof streamFormats;

/**
 * SSE of several jobs: each `id` is the positions of all of them, `<job>:<position>,…`, so that one
 * `Last-Event-ID` resumes all. The encoder of one job of one connection.
 */
export function vectorEncoder(
  positions: Map<string, string>,
  job: string,
  isChunked: boolean,
): Encoder {
  const wrap = isChunked ? chunked : plain;
  const at = (position: string): string => {
    positions.set(job, position);
    return encodeVector(positions);
  };
  return {
    events: (epoch, entries) =>
      wrap(
        entries
          .map(({ seq, type, json }) =>
            encodeSseEvent(at(encodePosition({ epoch, seq })), type, json),
          )
          .join(''),
      ),
    reset: (message) => wrap(`event: reset\ndata: ${JSON.stringify(message)}\n\n`),
    snapshot: (message) =>
      wrap(encodeSseEvent(at(message.position), 'snapshot', JSON.stringify(message))),
  };
}

/** `{a → e.1, b → e.2}` → `a:e.1,b:e.2`. */
export function encodeVector(positions: ReadonlyMap<string, string>): string {
  return [...positions].map(([job, position]) => `${job}:${position}`).join(',');
}

/** The inverse of {@link encodeVector}; what is not such a pair is left out. */
export function parseVector(text: string): Map<string, string> {
  return new Map(
    text.split(',').flatMap((pair) => {
      const colon = pair.indexOf(':');
      return colon > 0 ? [[pair.slice(0, colon), pair.slice(colon + 1)] as const] : [];
    }),
  );
}
