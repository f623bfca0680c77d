/**
 * The closed list of error codes. One row says what a code means on every transport; docs/errors.md is
 * held against it by a test. Add a row here first (CONTRIBUTING.md, "Add an error code").
 */

/** What a client should do: `no` = the same call fails again; `yes` = at once; `later` = after a pause. */
export type Retry = 'no' | 'yes' | 'later';

export interface CodeInfo {
  /** HTTP status of the problem answer. */
  readonly http: number;
  /** WebSocket close code, for errors that end a connection. 4000–4499: come back; 4500–4999: do not. */
  readonly close?: number;
  /** gRPC status by name. */
  readonly grpc: string;
  readonly retry: Retry;
  /** One sentence for people; used as the problem's `title`. */
  readonly summary: string;
}

const TABLE = {
  // What a request can get wrong
  malformed_json: {
    http: 400,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    summary: 'The body or message is not valid JSON.',
  },
  invalid_input: {
    http: 422,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    summary: 'A value does not fit its schema; `errors` lists every fault with its path.',
  },
  invalid_position: {
    http: 400,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    summary: 'The position is neither `start`, `now` nor `<epoch>.<seq>`.',
  },
  unsupported_media_type: {
    http: 415,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    summary: 'The body must be sent as application/json.',
  },
  too_large: {
    http: 413,
    close: 1009,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'no',
    summary: 'The body or message is over its size limit.',
  },
  unknown_op: {
    http: 400,
    grpc: 'UNIMPLEMENTED',
    retry: 'no',
    summary: 'The WebSocket message names an operation that does not exist.',
  },
  not_found: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    summary: 'There is nothing at this address.',
  },
  model_not_found: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    summary: 'No model of this name is served here.',
  },
  job_not_found: {
    http: 404,
    grpc: 'NOT_FOUND',
    retry: 'no',
    summary: 'No job of this id is known; its retention may have ended.',
  },
  job_gone: {
    http: 410,
    grpc: 'DATA_LOSS',
    retry: 'no',
    summary: 'The job was known here, but Redis has lost it, or its events.',
  },
  already_finished: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    summary: 'The job has ended; there is nothing left to cancel.',
  },
  idempotency_conflict: {
    http: 409,
    grpc: 'ALREADY_EXISTS',
    retry: 'no',
    summary: 'This Idempotency-Key was used for another request.',
  },
  already_subscribed: {
    http: 409,
    grpc: 'ALREADY_EXISTS',
    retry: 'no',
    summary: 'This connection already watches the job.',
  },
  not_subscribed: {
    http: 409,
    grpc: 'FAILED_PRECONDITION',
    retry: 'no',
    summary: 'This connection does not watch the job.',
  },
  too_many_jobs: {
    http: 429,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'no',
    summary: 'The connection watches as many jobs as it may; unsubscribe one or open another.',
  },
  queue_full: {
    http: 429,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'later',
    summary: 'Too many jobs of the model wait already.',
  },
  // What ends a connection
  draining: {
    http: 503,
    close: 4001,
    grpc: 'UNAVAILABLE',
    retry: 'later',
    summary: 'This process is shutting down; connect again to reach another.',
  },
  slow_viewer: {
    http: 503,
    close: 4002,
    grpc: 'UNAVAILABLE',
    retry: 'yes',
    summary: 'The connection took none of its events for too long; resume from the last position.',
  },
  no_pong: {
    http: 503,
    close: 4005,
    grpc: 'UNAVAILABLE',
    retry: 'yes',
    summary: 'The connection did not answer pings.',
  },
  unauthorized: {
    http: 401,
    close: 4500,
    grpc: 'UNAUTHENTICATED',
    retry: 'no',
    summary: 'Credentials are missing or wrong.',
  },
  protocol_error: {
    http: 400,
    close: 4501,
    grpc: 'INVALID_ARGUMENT',
    retry: 'no',
    summary: 'The connection broke the protocol too often.',
  },
  forbidden: {
    http: 403,
    close: 4503,
    grpc: 'PERMISSION_DENIED',
    retry: 'no',
    summary: 'This origin may not use the hub; see ALLOWED_ORIGINS.',
  },
  too_many_connections: {
    http: 503,
    close: 4504,
    grpc: 'RESOURCE_EXHAUSTED',
    retry: 'no',
    summary: 'This process serves as many connections as it may.',
  },
  // What a job can end with (`failed.code`)
  model_error: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'no',
    summary: 'The model threw an error; its stack is in the log of the worker.',
  },
  invalid_event: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'no',
    summary:
      'The model emitted something that is not an event: not JSON, too large, or off its schema.',
  },
  invalid_output: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'no',
    summary: 'The output of the model does not fit its own schema.',
  },
  invalid_checkpoint: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'no',
    summary: 'What the model saved is off its own schema, too large, or cannot be encoded.',
  },
  model_unavailable: {
    http: 503,
    grpc: 'UNAVAILABLE',
    retry: 'later',
    summary: 'The model could not be loaded on the worker.',
  },
  host_crashed: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'yes',
    summary: 'The process that ran the model died.',
  },
  worker_lost: {
    http: 500,
    grpc: 'INTERNAL',
    retry: 'yes',
    summary: 'Every worker that took the job died.',
  },
  // What the hub itself can suffer
  unavailable: {
    http: 503,
    grpc: 'UNAVAILABLE',
    retry: 'later',
    summary: 'Redis cannot be reached.',
  },
  internal: {
    http: 500,
    close: 1011,
    grpc: 'INTERNAL',
    retry: 'no',
    summary: 'A fault of the hub; the log of the process says more.',
  },
} as const satisfies Record<string, CodeInfo>;

/** A code of the table. */
export type ErrorCode = keyof typeof TABLE;

/** code → what it means on each transport. */
export const ERROR_CODES: Readonly<Record<ErrorCode, CodeInfo>> = TABLE;

/** Whether a string is a code of the table. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(TABLE, value);
}
