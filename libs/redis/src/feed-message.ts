import type { FeedBatch, LogEntry } from '@stepcast/hub';

/** Version of the message format; another one comes from a newer writer and is not understood. */
const VERSION = '1';

const LINE_BREAK = 10;

/**
 * A published message as lua/includes/events.lua writes it:
 * `1 <epoch> <seq of the first event> <type>,<type>,…`, then one event JSON a line. Undefined for
 * anything else: what a feed cannot read is a gap, which the channel heals by reading the log.
 */
export function decodeFeedMessage(payload: Buffer): FeedBatch | undefined {
  const headerEnd = endOfLine(payload, 0);
  const [version, epoch, first, types] = payload.toString('utf8', 0, headerEnd).split(' ');
  if (version !== VERSION || epoch === undefined || types === undefined) return undefined;
  const seq = Number(first);
  if (!Number.isSafeInteger(seq)) return undefined;
  const entries: LogEntry[] = [];
  let end = headerEnd;
  for (const type of types.split(',')) {
    if (end === payload.length) return undefined;
    const start = end + 1;
    end = endOfLine(payload, start);
    // Decoded line by line: what V8 cuts out of a string keeps all of it in memory, for one event.
    entries.push({ seq: seq + entries.length, type, json: payload.toString('utf8', start, end) });
  }
  return end === payload.length ? { epoch, entries } : undefined;
}

function endOfLine(payload: Buffer, start: number): number {
  const end = payload.indexOf(LINE_BREAK, start);
  return end === -1 ? payload.length : end;
}
