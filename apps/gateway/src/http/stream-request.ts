import { LIMITS, parseFrom, parseInput, type From } from '@stepcast/protocol';
import { z } from 'zod';
import { parseVector, type StreamKind } from './stream-encoders.js';

type Headers = Readonly<Record<string, string | string[] | undefined>>;
type Query = Readonly<Record<string, string | string[] | undefined>>;

const flag = z
  .enum(['true', 'false', '1', '0'])
  .transform((text) => text === 'true' || text === '1');

const eventsQuerySchema = z.object({
  from: z.string().max(64).optional(),
  hold: flag.default(true),
});

const multiQuerySchema = z.object({
  job: z
    .union([z.string(), z.array(z.string())])
    .transform((jobs) => [...new Set([jobs].flat())])
    .pipe(z.array(z.string().min(1).max(64)).min(1).max(LIMITS.maxJobsPerEventSource)),
  hold: flag.default(true),
});

/** A request to watch one job. */
export interface EventsRequest {
  readonly from: From;
  readonly hold: boolean;
}

/**
 * Where to begin: `Last-Event-ID`, which a browser sets by itself at a reconnect, wins over `?from=`.
 * @throws {StepcastError} `invalid_position`, `invalid_input`
 */
export function parseEventsRequest(query: Query, headers: Headers): EventsRequest {
  const { from, hold } = parseInput(eventsQuerySchema, query);
  const text = lastEventId(headers) ?? from;
  return { from: text === undefined ? 'start' : parseFrom(text), hold };
}

/** A request to watch several jobs: where to begin for each. */
export interface MultiEventsRequest {
  readonly from: ReadonlyMap<string, From>;
  readonly hold: boolean;
}

/** Jobs of `?job=a&job=b`, with the positions of a vector `Last-Event-ID`. */
export function parseMultiEventsRequest(query: Query, headers: Headers): MultiEventsRequest {
  const { job, hold } = parseInput(multiQuerySchema, query);
  const seen = parseVector(lastEventId(headers) ?? '');
  const from = new Map(
    job.map((id): [string, From] => {
      const position = seen.get(id);
      return [id, position === undefined ? 'start' : parseFrom(position)];
    }),
  );
  return { from, hold };
}

/**
 * SSE, unless the reader accepts NDJSON and not SSE. Some clients ask for an event stream with
 * `application/json, text/event-stream`, so anything else gets SSE, which is what the path is for.
 */
export function streamKind(headers: Headers): StreamKind {
  const accept = headers['accept'] ?? '';
  const isNdjson = accept.includes('application/x-ndjson') && !accept.includes('text/event-stream');
  return isNdjson ? 'ndjson' : 'sse';
}

function lastEventId(headers: Headers): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
