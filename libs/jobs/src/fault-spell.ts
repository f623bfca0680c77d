export interface FaultSpellHooks {
  /** The first failure of a spell. */
  readonly began: (error: unknown) => void;
  /** The first success after it. */
  readonly ended: (spell: { readonly durationMs: number; readonly failures: number }) => void;
  /** A clock in milliseconds that never jumps. */
  readonly now?: () => number;
}

/**
 * Something that is done again and again, and fails again and again while Redis is away: told once when
 * that begins and once when it is over, so that a minute of trouble is two lines and not a hundred.
 */
export class FaultSpell {
  readonly #hooks: FaultSpellHooks;
  #since: number | undefined;
  #error: unknown;
  #failures = 0;

  constructor(hooks: FaultSpellHooks) {
    this.#hooks = hooks;
  }

  /** The newest failure of the spell, and for how long it lasts; undefined when there is none. */
  get trouble(): { readonly error: unknown; readonly forMs: number } | undefined {
    if (this.#since === undefined) return undefined;
    return { error: this.#error, forMs: this.#now() - this.#since };
  }

  failed(error: unknown): void {
    this.#failures += 1;
    this.#error = error;
    if (this.#since !== undefined) return;
    this.#since = this.#now();
    this.#hooks.began(error);
  }

  worked(): void {
    if (this.#since === undefined) return;
    const spell = { durationMs: Math.round(this.#now() - this.#since), failures: this.#failures };
    this.#since = undefined;
    this.#error = undefined;
    this.#failures = 0;
    this.#hooks.ended(spell);
  }

  #now(): number {
    return (this.#hooks.now ?? (() => performance.now()))();
  }
}
