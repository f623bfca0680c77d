import type { FeedBatch, LogFeed } from '../ports/log-feed.port.js';
import type { Deliver, MemoryState } from './memory-state.js';

/** The feed of {@link MemoryState}. When a subscription counts is up to `confirm`; when a message
 * arrives, or whether, is up to `deliver` of the store. */
export class MemoryLogFeed implements LogFeed {
  readonly #state: MemoryState;
  readonly #confirm: Deliver;
  readonly #interrupted = new Set<() => void>();
  readonly #wanted = new Map<string, (batch: FeedBatch) => void>();

  constructor(state: MemoryState, confirm: Deliver) {
    this.#state = state;
    this.#confirm = confirm;
  }

  subscribe(job: string, listener: (batch: FeedBatch) => void): Promise<void> {
    this.#wanted.set(job, listener);
    return new Promise((resolve) => {
      this.#confirm(job, () => {
        if (this.#wanted.get(job) === listener) this.#state.listen(job, listener);
        resolve();
      });
    });
  }

  unsubscribe(job: string): Promise<void> {
    this.#wanted.delete(job);
    this.#state.ignore(job);
    return Promise.resolve();
  }

  onInterrupted(listener: () => void): void {
    this.#interrupted.add(listener);
  }

  /** For tests: says that messages may have been missed. */
  interrupt(): void {
    for (const listener of this.#interrupted) listener();
  }
}
