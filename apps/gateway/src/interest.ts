import type { Clock, JobRecords, WorkerSignals } from '@stepcast/hub';
import { isEnded } from '@stepcast/protocol';

export interface GraceWatchOptions {
  readonly records: JobRecords;
  readonly signals: WorkerSignals;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Added to the grace, so that the worker finds it over by the store's clock when it looks. */
const MARGIN_MS = 5;

/**
 * The fast path of cancel on disconnect: when the last holder here has left, tells the worker to look
 * at the moment that the grace runs out. The worker decides from the store, so a holder that came back
 * meanwhile, here or on another gateway, wins; and without this hint it would look a little later.
 */
export class GraceWatch {
  readonly #options: GraceWatchOptions;

  constructor(options: GraceWatchOptions) {
    this.#options = options;
  }

  /** The last holder of a job on this gateway has left. */
  readonly begin = (job: string): void => {
    this.#begin(job).catch(this.#options.onError);
  };

  async #begin(job: string): Promise<void> {
    const record = await this.#options.records.get(job);
    if (record === undefined || isEnded(record.status)) return;
    const { policy, graceMs } = record.options.onDisconnect;
    if (policy !== 'cancel') return;
    this.#options.clock.after(graceMs + MARGIN_MS, () => {
      this.#end(job).catch(this.#options.onError);
    });
  }

  async #end(job: string): Promise<void> {
    const record = await this.#options.records.get(job);
    if (record === undefined || isEnded(record.status)) return;
    if (record.worker === undefined) await this.#options.records.sweep(job);
    else await this.#options.signals.nudge(record.worker, job);
  }
}
