import { isReservedType, isTerminalType, type JobEvent } from '@stepcast/protocol';
import { appendData, type FoldOf } from './fold.js';
import type { LogEntry } from './ports/job-log.port.js';

/**
 * The backlog of a viewer that could not keep up, merged as the job's model declares (docs/protocol.md
 * §7, "Merged events"): a `latest` event is left out when a newer one of its type follows, `append`
 * events that follow each other become one, everything else stays as it is.
 *
 * - B1 Folding what comes out gives the same state as folding what went in; also when only the first
 *   events that come out are followed by all that went in behind the last of them, so that a viewer may
 *   lose its connection anywhere and resume by position.
 * - B2 seq rises, and the last one out is the last one in.
 * - B3 Nothing is left out or joined across an event that changes what the others mean: `attempt`,
 *   `snapshot`, the terminal event.
 * - B4 An event that nothing was joined to is passed on as it is, byte for byte; a joined one is encoded
 *   as the log encodes, and holds no more than `maxJoinedBytes` of what it stands for.
 */
export function* mergeBacklog(
  entries: readonly LogEntry[],
  foldOf: FoldOf,
  maxJoinedBytes: number,
): Generator<LogEntry> {
  let start = 0;
  for (const [index, { type }] of entries.entries()) {
    if (!isBarrier(type) && index < entries.length - 1) continue;
    yield* mergeSegment(entries.slice(start, index + 1), foldOf, maxJoinedBytes);
    start = index + 1;
  }
}

function isBarrier(type: string): boolean {
  return type === 'attempt' || type === 'snapshot' || isTerminalType(type);
}

function* mergeSegment(
  entries: readonly LogEntry[],
  foldOf: FoldOf,
  maxJoinedBytes: number,
): Generator<LogEntry> {
  const newest = new Map(entries.map(({ type, seq }) => [type, seq]));
  let run: AppendRun | undefined;
  for (const entry of entries) {
    const fold = isReservedType(entry.type) ? 'all' : foldOf(entry.type);
    if (fold === 'latest' && newest.get(entry.type) !== entry.seq) continue;
    if (fold === 'append' && run?.join(entry) === true) continue;
    if (run !== undefined) yield run.entry;
    run = fold === 'append' ? new AppendRun(entry, maxJoinedBytes) : undefined;
    if (run === undefined) yield entry;
  }
  if (run !== undefined) yield run.entry;
}

/** Events of one `append` type that follow each other, as one. */
class AppendRun {
  #entry: LogEntry;
  /** Parsed when the first one is joined to it. */
  #event: JobEvent | undefined;
  #bytes: number;
  #isJoined = false;
  readonly #maxBytes: number;

  constructor(entry: LogEntry, maxBytes: number) {
    this.#entry = entry;
    this.#bytes = entry.json.length;
    this.#maxBytes = maxBytes;
  }

  get entry(): LogEntry {
    if (!this.#isJoined || this.#event === undefined) return this.#entry;
    const { job, seq, attempt, type, at, data } = this.#event;
    return { seq, type, json: JSON.stringify({ job, seq, attempt, type, at, data }) };
  }

  /** False, and nothing is changed, when the entry cannot be joined. */
  join(entry: LogEntry): boolean {
    const bytes = this.#bytes + entry.json.length;
    if (entry.type !== this.#entry.type || bytes > this.#maxBytes) return false;
    const before = (this.#event ??= parse(this.#entry));
    const event = parse(entry);
    if (event.attempt !== before.attempt || !isAlike(before.data, event.data)) return false;
    this.#event = { ...event, data: appendData(before.data, event.data) };
    this.#bytes = bytes;
    this.#isJoined = true;
    return true;
  }
}

function parse(entry: LogEntry): JobEvent {
  return JSON.parse(entry.json) as JobEvent;
}

/**
 * Whether joining two data first, and then to what a viewer holds, gives what joining them one by one
 * does. Not so where their kinds differ: `"a"`, then `1`, then `"b"` is `"b"`; but `1` and `"b"` joined
 * first are `"b"`, and make `"ab"` of the `"a"`.
 */
function isAlike(one: unknown, other: unknown): boolean {
  const kind = kindOf(one);
  if (kind !== kindOf(other)) return false;
  if (kind !== 'object') return true;
  const before = one as Record<string, unknown>;
  return Object.entries(other as Record<string, unknown>).every(
    ([key, value]) => !Object.hasOwn(before, key) || isSameField(before[key], value),
  );
}

/** Fields of objects are joined when they are strings or arrays; of others the newer one stays. */
function isSameField(one: unknown, other: unknown): boolean {
  const isJoinable = typeof other === 'string' || Array.isArray(other);
  return !isJoinable || kindOf(one) === kindOf(other);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
