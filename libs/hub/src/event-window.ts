import type { LogEntry } from './ports/job-log.port.js';

/** What an entry costs beside its text: the object, its place in the list, the heads of its strings. */
const ENTRY_OVERHEAD_BYTES = 100;

/** Memory of an entry, in bytes; about, because it counts characters and most of them are one byte. */
export function costOf(entry: LogEntry): number {
  return entry.json.length + ENTRY_OVERHEAD_BYTES;
}

/**
 * The newest events of one log, contiguous and bounded by bytes.
 *
 * - I1 `entries[i].seq === firstSeq + i`; the last entry is `top`.
 * - I2 At least one entry is kept, however large, and what is behind the seq that {@link trim} is given, so
 *   that live viewers do not need the store.
 */
export class EventWindow {
  #entries: LogEntry[] = [];
  #bytes = 0;
  #top: number;

  /** @param top seq before the first entry that will be pushed */
  constructor(top: number) {
    this.#top = top;
  }

  /** seq of the newest event that was pushed, or where the window began. */
  get top(): number {
    return this.#top;
  }

  /** Memory of what is held, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** seq of the oldest entry that is held; `top + 1` while there is none. */
  get firstSeq(): number {
    return this.#top - this.#entries.length + 1;
  }

  get newest(): LogEntry | undefined {
    return this.#entries.at(-1);
  }

  push(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (entry.seq !== this.#top + 1) throw new RangeError(`hole before ${entry.seq}`);
      this.#entries.push(entry);
      this.#top = entry.seq;
      this.#bytes += costOf(entry);
    }
  }

  /** The entries behind `seq`; undefined when some of them are no longer held. */
  after(seq: number): readonly LogEntry[] | undefined {
    const skip = seq + 1 - this.firstSeq;
    return skip < 0 ? undefined : this.#entries.slice(skip);
  }

  /** Drops the oldest up to `sentSeq` until `maxBytes` are left (I2). */
  trim(maxBytes: number, sentSeq: number): void {
    const most = Math.min(sentSeq - this.firstSeq + 1, this.#entries.length - 1);
    let drop = 0;
    while (this.#bytes > maxBytes && drop < most) {
      const entry = this.#entries[drop];
      if (entry !== undefined) this.#bytes -= costOf(entry);
      drop++;
    }
    if (drop > 0) this.#entries.splice(0, drop);
  }
}
