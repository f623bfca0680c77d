import { isEnded } from '@stepcast/protocol';
import { stateOf, type Base } from './log-page.js';

/**
 * Where the events that a channel can show begin. The state up to there may be dropped to save memory:
 * the few who need it read it from the store.
 */
export class HeldBase {
  readonly seq: number;
  #base: Base | undefined;
  #hasEnded: boolean | undefined;

  constructor(base: Base) {
    this.seq = base.seq;
    this.#base = base;
  }

  /** Undefined once the state has been dropped. */
  get base(): Base | undefined {
    return this.#base;
  }

  /** Memory of the state, in bytes; about, as in event-window.ts. */
  get bytes(): number {
    return this.#base?.state?.length ?? 0;
  }

  /** Whether the job has ended inside the state. Looked for once: a state may be long. */
  get hasEnded(): boolean {
    return (this.#hasEnded ??= this.#base !== undefined && endedIn(this.#base));
  }

  drop(): void {
    if (this.#base?.state !== undefined) this.#base = undefined;
  }
}

function endedIn(base: Base): boolean {
  try {
    return base.state !== undefined && isEnded(stateOf(base).status);
  } catch {
    // A snapshot that cannot be read fails the viewers who need it, not the audit of all channels.
    return false;
  }
}
