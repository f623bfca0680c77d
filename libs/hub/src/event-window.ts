import type { LogEntry } from './ports/job-log.port.js';

/**
 * The newest events of one log, contiguous and bounded by bytes.
 *
 * - I1 `entries[i].seq === firstSeq + i`; the last entry is `top`.
 * - I2 at least one entry is kept, however large, so that live viewers never need the store.
 */
export class EventWindow {
  #entries: LogEntry[] = [];
  #bytes = 0;
  #top: number;
  readonly #maxBytes: number;

  /** @param top seq before the first entry that will be pushed */
  constructor(top: number, maxBytes: number) {
    this.#top = top;
    this.#maxBytes = maxBytes;
  }

  /** seq of the newest event that was pushed, or where the window began. */
  get top(): number {
    return this.#top;
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
      this.#bytes += entry.json.length;
    }
    this.#trim();
  }

  /** The entries behind `seq`; undefined when some of them are no longer held. */
  after(seq: number): readonly LogEntry[] | undefined {
    const skip = seq + 1 - this.firstSeq;
    return skip < 0 ? undefined : this.#entries.slice(skip);
  }

  #trim(): void {
    let drop = 0;
    while (this.#bytes > this.#maxBytes && drop < this.#entries.length - 1) {
      this.#bytes -= this.#entries[drop]?.json.length ?? 0;
      drop++;
    }
    if (drop > 0) this.#entries.splice(0, drop);
  }
}
