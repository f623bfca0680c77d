/**
 * Whether this process hears what is published, as one spell per interruption.
 *
 * - F1 An interruption is told twice: when it begins, and when everything is heard again.
 * - F2 It ends when Redis has confirmed every subscription, or when a probe is heard after a silence; not
 *   with a connection, because a half-open one looks connected too.
 *
 * Pure: time comes in.
 */

/** `connection`: Redis or the network ended it. `silence`: it looks alive and the canary is not heard. */
export type InterruptionCause = 'connection' | 'silence';

export type FeedChange =
  | { readonly kind: 'interrupted'; readonly cause: InterruptionCause }
  | { readonly kind: 'whole'; readonly cause: InterruptionCause; readonly durationMs: number };

export class FeedState {
  readonly #onChange: (change: FeedChange) => void;
  readonly #counts = new Map<InterruptionCause, number>();
  #spell: { readonly cause: InterruptionCause; readonly since: number } | undefined;

  constructor(onChange: (change: FeedChange) => void) {
    this.#onChange = onChange;
  }

  /** Why it is interrupted now; undefined when it is whole. */
  get cause(): InterruptionCause | undefined {
    return this.#spell?.cause;
  }

  /** Interruptions by cause since the start. */
  get interruptions(): ReadonlyMap<InterruptionCause, number> {
    return this.#counts;
  }

  interrupted(cause: InterruptionCause, now: number): void {
    if (this.#spell !== undefined) return;
    this.#spell = { cause, since: now };
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
    this.#onChange({ kind: 'interrupted', cause });
  }

  whole(now: number): void {
    const spell = this.#spell;
    if (spell === undefined) return;
    this.#spell = undefined;
    this.#onChange({ kind: 'whole', cause: spell.cause, durationMs: now - spell.since });
  }
}
