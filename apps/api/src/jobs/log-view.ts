import { assemble, type LogPage } from '@stepcast/hub';
import {
  encodePosition,
  isEnded,
  type From,
  type JobEvent,
  type Position,
} from '@stepcast/protocol';

/** A piece of a job's log for readers that poll. */
export interface LogView {
  readonly events: readonly JobEvent[];
  /** Ask for what follows with `from` = this. */
  readonly position: string;
  /** The terminal event is at or before `position`: nothing will follow. */
  readonly closed: boolean;
  /** What the reader holds is no longer the truth: begin anew with `snapshot`, or with `events`. */
  readonly reset?: true;
  /** The folded state up to a position, instead of the events up to it. */
  readonly snapshot?: { readonly position: string; readonly state: unknown };
}

/** Where to read from, given the life that the log has now. */
export interface LogCursor {
  readonly after: number;
  /** The reader's position belongs to another life of the log, or lies beyond its end. */
  readonly isVoid: boolean;
}

export function cursorOf(from: From, head: Position): LogCursor {
  if (from === 'start') return { after: 0, isVoid: false };
  if (from === 'now') return { after: head.seq, isVoid: false };
  const isVoid = from.epoch !== head.epoch || from.seq > head.seq;
  return { after: isVoid ? 0 : from.seq, isVoid };
}

/** The answer for a page that was read at a cursor. Never a list with an unannounced hole. */
export function toLogView(page: LogPage, cursor: LogCursor): LogView {
  const { epoch, top, status } = page.record;
  const { base, entries } = assemble(page, cursor.after);
  const seq = entries.at(-1)?.seq ?? base?.seq ?? cursor.after;
  return {
    events: entries.map((entry) => JSON.parse(entry.json) as JobEvent),
    position: encodePosition({ epoch, seq }),
    closed: isEnded(status) && seq >= top,
    ...(cursor.isVoid || (base !== undefined && cursor.after > 0) ? { reset: true } : {}),
    ...(base === undefined
      ? {}
      : {
          snapshot: {
            position: encodePosition({ epoch, seq: base.seq }),
            state: JSON.parse(base.state ?? 'null') as unknown,
          },
        }),
  };
}
