import { Fold, type FoldOf } from '@stepcast/hub';
import { isReservedType, type JobEvent } from '@stepcast/protocol';

/** An event as it was stored, still encoded. */
export interface JournalEntry extends Omit<JobEvent, 'data'> {
  /** JSON of `data`. */
  readonly data: string;
}

/** How much of a log lies behind some seq. */
export interface Backlog {
  readonly events: number;
  /** Characters of their data. */
  readonly bytes: number;
}

export const NO_BACKLOG: Backlog = { events: 0, bytes: 0 };

/**
 * What a writer remembers of a job, to write snapshots and to bring a lost log back: the folded state
 * and, still encoded, what came after it. Events are parsed only when a state is asked for, and of types
 * that fold to `latest` only the newest, so that jobs without snapshots never pay for it.
 */
export class Journal {
  readonly #fold: Fold;
  readonly #foldOf: FoldOf;
  #foldedTo: number;
  #entries: JournalEntry[] = [];
  #bytes = 0;

  /** @param foldedTo seq of the newest event that `fold` holds */
  constructor(foldOf: FoldOf, fold = new Fold(foldOf), foldedTo = 0) {
    this.#foldOf = foldOf;
    this.#fold = fold;
    this.#foldedTo = foldedTo;
  }

  /** Events since the last {@link encodeState}. */
  get events(): number {
    return this.#entries.length;
  }

  /** Their size. */
  get bytes(): number {
    return this.#bytes;
  }

  /** seq up to which the events are one state, and no longer apart. */
  get foldedTo(): number {
    return this.#foldedTo;
  }

  /** @param entry with a seq above all before */
  add(entry: JournalEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
  }

  /** What was added behind a seq. */
  behind(seq: number): Backlog {
    const entries = this.#entries.slice(this.#countUpTo(seq));
    return { events: entries.length, bytes: sizeOf(entries) };
  }

  /**
   * JSON of the state at a seq, by default behind every event that was added.
   * @throws {RangeError} when the events up to there are no longer apart from those behind
   */
  encodeState(seq = Infinity): string {
    if (seq < this.#foldedTo) throw new RangeError(`folded beyond ${seq} already`);
    const entries = this.#entries.splice(0, this.#countUpTo(seq));
    const newest = new Map(entries.map((entry, index) => [entry.type, index]));
    for (const [index, entry] of entries.entries()) {
      const isReplaced =
        newest.get(entry.type) !== index &&
        !isReservedType(entry.type) &&
        this.#foldOf(entry.type) === 'latest';
      if (!isReplaced) this.#fold.apply({ ...entry, data: JSON.parse(entry.data) as unknown });
    }
    this.#foldedTo = entries.at(-1)?.seq ?? this.#foldedTo;
    this.#bytes -= sizeOf(entries);
    return JSON.stringify(this.#fold.state);
  }

  #countUpTo(seq: number): number {
    const index = this.#entries.findIndex((entry) => entry.seq > seq);
    return index === -1 ? this.#entries.length : index;
  }
}

function sizeOf(entries: readonly JournalEntry[]): number {
  return entries.reduce((sum, { data }) => sum + data.length, 0);
}
