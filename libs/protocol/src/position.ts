import { StepcastError } from './errors.js';

/**
 * A place in the log of a job: everything up to and including `seq` has been seen. Written
 * `<epoch>.<seq>` wherever it leaves a process (SSE `id:`, WebSocket `from`); opaque to clients.
 */
export interface Position {
  /** Identity of the log's life: 1–32 letters and digits. Another epoch = another log. */
  readonly epoch: string;
  /** 0 before the first event. */
  readonly seq: number;
}

/** Where a viewer wants to begin: at the first event, behind the last one, or behind a position. */
export type From = 'start' | 'now' | Position;

const POSITION = /^([A-Za-z0-9]{1,32})\.(0|[1-9][0-9]{0,14})$/;

/** `{epoch: 'k3', seq: 7}` → `k3.7`. */
export function encodePosition(position: Position): string {
  return `${position.epoch}.${position.seq}`;
}

/** The inverse of {@link encodePosition}; throws `invalid_position` for anything else. */
export function parsePosition(text: string): Position {
  const match = POSITION.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new StepcastError(
      'invalid_position',
      `"${text.slice(0, 64)}" is not a position; send one that the hub gave you, or "start" or "now".`,
    );
  }
  return { epoch: match[1], seq: Number(match[2]) };
}

/** `start`, `now` or a position; throws `invalid_position` for anything else. */
export function parseFrom(text: string): From {
  return text === 'start' || text === 'now' ? text : parsePosition(text);
}
