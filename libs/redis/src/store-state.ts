/**
 * Whether Redis can be used, as this process sees it.
 *
 *   up ──failed──► down ──another kind──► down
 *    ▲              │
 *    └──worked, and quiet──┘
 *
 * - T1 Each spell of trouble is told twice, when it begins and when it ends, however many calls fail. One
 *   that changes its kind (unreachable → loading) is one spell per kind.
 * - T2 Only a write that worked ends a spell: a Redis that is full or read-only answers every question.
 * - T3 A Redis that answered "no" a moment ago is not well yet: at its limit it takes one write and
 *   refuses the next.
 *
 * Pure: time comes in.
 */
import type { Trouble, TroubleKind } from './trouble.js';

/** Longer than the pause between two tries of a worker that waits. */
const QUIET_MS = 2_500;

export interface TroubleSpell extends Trouble {
  /** When it began, by the clock that is passed in. */
  readonly since: number;
  /** Calls and connections that have failed of it. */
  readonly failures: number;
}

export type StateChange =
  | { readonly kind: 'began'; readonly trouble: Trouble }
  | { readonly kind: 'ended'; readonly trouble: TroubleSpell; readonly durationMs: number };

export class StoreState {
  readonly #onChange: (change: StateChange) => void;
  readonly #failures = new Map<TroubleKind, number>();
  #spell: TroubleSpell | undefined;
  #failedAt = 0;

  constructor(onChange: (change: StateChange) => void) {
    this.#onChange = onChange;
  }

  /** What is wrong now; undefined when all is well. */
  get trouble(): TroubleSpell | undefined {
    return this.#spell;
  }

  /** Failures by kind since the start. */
  get failures(): ReadonlyMap<TroubleKind, number> {
    return this.#failures;
  }

  failed(trouble: Trouble, now: number): void {
    this.#failures.set(trouble.kind, (this.#failures.get(trouble.kind) ?? 0) + 1);
    this.#failedAt = now;
    if (this.#spell?.kind === trouble.kind) {
      this.#spell = { ...this.#spell, failures: this.#spell.failures + 1 };
      return;
    }
    this.#end(now);
    this.#spell = { ...trouble, since: now, failures: 1 };
    this.#onChange({ kind: 'began', trouble });
  }

  /** A write was taken. */
  worked(now: number): void {
    const isQuiet = this.#spell?.kind === 'unreachable' || now - this.#failedAt >= QUIET_MS;
    if (isQuiet) this.#end(now);
  }

  #end(now: number): void {
    const spell = this.#spell;
    if (spell === undefined) return;
    this.#spell = undefined;
    this.#onChange({ kind: 'ended', trouble: spell, durationMs: now - spell.since });
  }
}
