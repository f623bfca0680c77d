import type { FeedBatch, LogEntry } from '@stepcast/hub';

/** Version of the message format; another one comes from a newer writer and is not understood. */
const VERSION = '1';

/**
 * A published message as lua/includes/events.lua writes it:
 * `1 <epoch> <seq of the first event> <type>,<type>,…`, then one event JSON a line. Undefined for
 * anything else: what a feed cannot read is a gap, which the channel heals by reading the log.
 */
export function decodeFeedMessage(payload: Buffer): FeedBatch | undefined {
  const [header = '', ...lines] = payload.toString('utf8').split('\n');
  const [version, epoch, first, types] = header.split(' ');
  if (version !== VERSION || epoch === undefined || types === undefined) return undefined;
  const names = types.split(',');
  if (names.length !== lines.length || !Number.isSafeInteger(Number(first))) return undefined;
  const seq = Number(first);
  const entries = lines.map((json, i): LogEntry => ({ seq: seq + i, type: names[i] ?? '', json }));
  return { epoch, entries };
}
