import type { WorkerDirectory, WorkerEntry } from '@stepcast/hub';
import { FaultSpell } from '@stepcast/jobs';
import type { Logger } from '@stepcast/platform';

export interface AnnouncerOptions {
  readonly directory: WorkerDirectory;
  readonly entry: () => WorkerEntry;
  /** Models that this worker could not load. */
  readonly failures: () => readonly string[];
  readonly logger: Logger;
}

const INTERVAL_MS = 2_000;
const LIFETIME_MS = 6_000;

/**
 * Says every 2 s that the worker lives and what it runs. Also finds out which of the models that this
 * worker could not load are run by no other: their jobs fail here, rather than wait for ever.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #spell: FaultSpell;
  #timer: NodeJS.Timeout | undefined;
  #unserved: ReadonlySet<string> = new Set();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const { logger } = options;
    this.#spell = new FaultSpell({
      began: (err) => {
        logger.warn({ err }, 'the worker cannot be announced');
      },
      ended: (spell) => {
        logger.info(spell, 'the worker is announced again');
      },
    });
  }

  get unserved(): ReadonlySet<string> {
    return this.#unserved;
  }

  start(): void {
    this.#timer = setInterval(() => void this.announce(), INTERVAL_MS);
    void this.announce();
  }

  /** Never rejects: the next announcement follows soon. */
  async announce(): Promise<void> {
    const { directory, entry, failures } = this.#options;
    try {
      await directory.announce(entry(), LIFETIME_MS);
      const failed = failures();
      this.#unserved = failed.length === 0 ? new Set() : await this.#findUnserved(failed);
      this.#spell.worked();
    } catch (err) {
      this.#spell.failed(err);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#options.directory.withdraw(this.#options.entry().id);
  }

  async #findUnserved(failed: readonly string[]): Promise<ReadonlySet<string>> {
    const workers = await this.#options.directory.list();
    const served = new Set(workers.flatMap((worker) => Object.keys(worker.models)));
    return new Set(failed.filter((model) => !served.has(model)));
  }
}
