/**
 * Every limit of the protocol, in one table. Each protects something named; docs/protocol.md repeats
 * the table for people who write clients, and a test compares the two.
 */
export const LIMITS = {
  /** Largest request body in bytes; a bigger one is answered `too_large` before it is read whole. */
  maxBodyBytes: 1_048_576,
  /** Largest WebSocket message from a client; a bigger one closes the connection with 1009. */
  maxMessageBytes: 65_536,
  /** Largest event in bytes of JSON; a bigger one fails the emit that made it, not the worker. */
  maxEventBytes: 262_144,
  /** Jobs that one WebSocket connection may watch at a time. */
  maxJobsPerConnection: 100,
  /** Jobs that one `GET /v1/events` may watch: their positions share one SSE `id`. */
  maxJobsPerEventSource: 16,
  /** Nesting of JSON that a client sends; deeper values are refused before a validator recurses into them. */
  maxJsonDepth: 64,
  /** Unsent bytes above which a viewer is *slow*: the hub stops writing to it and keeps a cursor. */
  maxUnsentBytes: 65_536,
  /** How long a slow viewer may take none of its unsent bytes before it is closed with 4002. */
  slowViewerMs: 30_000,
  /** Length of an `Idempotency-Key`. */
  maxIdempotencyKeyLength: 255,
  /** Length of a cancel reason; longer ones are refused. */
  maxReasonLength: 500,
  /** Jobs in one answer of `GET /v1/jobs`. */
  maxPageSize: 100,
  /** Events in one answer of `GET /v1/jobs/:id/log`. */
  maxLogPageSize: 1_000,
} as const;
