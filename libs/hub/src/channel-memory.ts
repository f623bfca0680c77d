/** What one holder of events says of itself. */
export interface MemoryAccount {
  /** Says how many bytes are held now. Ignored once closed. */
  hold(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}

interface Holding {
  bytes: number;
  readonly shrink: (maxBytes: number) => void;
}

/**
 * One budget for the events that all channels of a gateway hold in memory.
 *
 * ```
 *  a channel grows ─► used ≤ limit: nothing happens, so a busy job may use what quiet ones leave
 *                  └► used > limit: the largest are cut to one height, just low enough; then, one by one
 *                                   from the largest, for those that may not drop so much
 * ```
 *
 * - M1 `usedBytes` is the sum of what the accounts hold.
 * - M2 After a shrink `usedBytes` is at most three quarters of `maxBytes`, but for what channels may not
 *   drop: what is not sent yet, and the newest of each. No channel is asked for more than that takes.
 * - M3 A shrink visits every channel, and happens only after an eighth of `maxBytes` has come in since the
 *   last one: the cost per event does not grow with the number of channels.
 */
export class ChannelMemory {
  readonly #maxBytes: number;
  readonly #targetBytes: number;
  readonly #holdings = new Set<Holding>();
  #usedBytes = 0;
  #limitBytes: number;
  #isShrinking = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#targetBytes = Math.floor((maxBytes * 3) / 4);
    this.#limitBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @param shrink leaves so many bytes, as far as it may, and reports what is left by `hold` */
  open(shrink: (maxBytes: number) => void): MemoryAccount {
    const holding: Holding = { bytes: 0, shrink };
    this.#holdings.add(holding);
    return {
      hold: (bytes) => {
        if (bytes !== holding.bytes && this.#holdings.has(holding)) this.#change(holding, bytes);
      },
      close: () => {
        if (this.#holdings.delete(holding)) this.#change(holding, 0);
      },
    };
  }

  #change(holding: Holding, bytes: number): void {
    this.#usedBytes += bytes - holding.bytes;
    holding.bytes = bytes;
    if (this.#isShrinking) return;
    if (this.#usedBytes > this.#limitBytes) this.#shrinkAll();
    // What could not be dropped at the last shrink may have gone meanwhile.
    else this.#limitBytes = Math.min(this.#limitBytes, this.#nextLimit());
  }

  #shrinkAll(): void {
    this.#isShrinking = true;
    const holdings = [...this.#holdings].sort((one, other) => other.bytes - one.bytes);
    const height = heightFor(holdings, this.#targetBytes);
    for (const { bytes, shrink } of holdings) {
      if (bytes > height) shrink(height);
    }
    for (const { bytes, shrink } of holdings) {
      const excess = this.#usedBytes - this.#targetBytes;
      if (excess <= 0) break;
      // Who is still above the height has dropped all that it may.
      if (bytes <= height) shrink(Math.max(0, bytes - excess));
    }
    this.#isShrinking = false;
    this.#limitBytes = this.#nextLimit();
  }

  #nextLimit(): number {
    return Math.max(this.#maxBytes, this.#usedBytes + this.#maxBytes / 8);
  }
}

/** The most that each may keep for all to be within a total. The largest come first. */
function heightFor(holdings: readonly Holding[], totalBytes: number): number {
  let left = totalBytes;
  for (let count = holdings.length; count > 0; count--) {
    const share = Math.floor(left / count);
    const smallest = holdings[count - 1]?.bytes ?? 0;
    if (smallest > share) return share;
    left -= smallest;
  }
  return Infinity;
}
