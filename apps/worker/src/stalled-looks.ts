import { excuseStalled } from '@stepcast/jobs';
import type { Redis } from 'ioredis';

export interface StalledLooksParts {
  /** The one on which `look` asks, too: what is sent first is done first, also after a reconnect. */
  readonly connection: Redis;
  readonly prefix: string;
  readonly queue: string;
  readonly intervalMs: number;
  /** Puts jobs in line again whose lock has run out; the ids of these. */
  readonly look: () => Promise<readonly string[]>;
  readonly onStalled: (job: string) => void;
  readonly onFailed: (error: unknown) => void;
}

/**
 * Looks again and again for jobs whose worker has died, each time with a word before it that excuses the
 * look if Redis was away ({@link excuseStalled}). BullMQ's own timer would send looks without one: those
 * wait in a frozen Redis, and take the jobs of healthy workers for stalled as soon as it thaws.
 */
export class StalledLooks {
  readonly #parts: StalledLooksParts;
  #timer: NodeJS.Timeout | undefined;
  #hasLooked = false;
  #isStopped = false;

  constructor(parts: StalledLooksParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#look().then(
      () => {
        if (this.#isStopped) return;
        this.#timer = setTimeout(() => {
          this.start();
        }, this.#parts.intervalMs);
      },
      // It never rejects: what fails is told.
      () => undefined,
    );
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { connection, intervalMs, look, onFailed, onStalled, prefix, queue } = this.#parts;
    try {
      const word = { prefix, queue, intervalMs, hasLooked: this.#hasLooked };
      // Without a pause between them, so that Redis does not freeze there.
      const [, stalled] = await Promise.all([excuseStalled(connection, word), look()]);
      this.#hasLooked = true;
      for (const job of stalled) onStalled(job);
    } catch (error) {
      if (!this.#isStopped) onFailed(error);
    }
  }
}
