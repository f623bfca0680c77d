import { ERROR_CODES, type ErrorCode } from './codes.js';
import type { CommandId } from './commands.js';
import type { StepcastError } from './errors.js';
import type { JobStatus } from './job.js';

/** Why a viewer's state is no longer the truth. */
export type ResetReason = 'trimmed' | 'lost' | 'slow';

/** What a viewer holds is void; a snapshot follows. */
export interface ResetMessage {
  readonly job: string;
  readonly epoch: string;
  readonly reason: ResetReason;
}

/** The folded state of a job at a position; stands for every event up to it. */
export interface SnapshotMessage {
  readonly job: string;
  readonly position: string;
  readonly attempt: number;
  readonly status: JobStatus;
  readonly state: unknown;
}

/** Fields of an `ok` beside `op` and `id`. */
export interface OkFields {
  readonly job?: string;
  readonly position?: string;
  readonly status?: JobStatus;
  readonly model?: string;
}

/** WebSocket messages from the hub to the client (docs/protocol.md §6), each one JSON text. */
export const messages = {
  ok: (id: CommandId, fields: OkFields = {}) => JSON.stringify({ op: 'ok', id, ...fields }),

  error: (id: CommandId, error: StepcastError, job?: string) =>
    JSON.stringify({
      op: 'error',
      id,
      job,
      code: error.code,
      message: error.message,
      retryable: error.retryable,
      errors: error.faults.length > 0 ? error.faults : undefined,
    }),

  /** Puts the envelope around an event that is already encoded, without parsing it. */
  event: (eventJson: string) => `{"op":"event",${eventJson.slice(1)}`,

  reset: (reset: ResetMessage) => JSON.stringify({ op: 'reset', ...reset }),

  snapshot: (snapshot: SnapshotMessage) => JSON.stringify({ op: 'snapshot', ...snapshot }),

  heartbeat: () => '{"op":"heartbeat"}',

  goaway: (retryMs: number) => JSON.stringify({ op: 'goaway', retryMs }),
} as const;

/** The close code of an error that ends a connection; 1011 for those that normally do not. */
export function closeCode(code: ErrorCode): number {
  return ERROR_CODES[code].close ?? 1011;
}
