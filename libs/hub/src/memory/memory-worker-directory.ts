import type { WorkerDirectory, WorkerEntry } from '../ports/worker-directory.port.js';

export class MemoryWorkerDirectory implements WorkerDirectory {
  readonly #now: () => number;
  readonly #entries = new Map<string, { readonly entry: WorkerEntry; readonly until: number }>();
  readonly #averages = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  announce(entry: WorkerEntry, lifetimeMs: number): Promise<void> {
    this.#entries.set(entry.id, { entry, until: this.#now() + lifetimeMs });
    return Promise.resolve();
  }

  withdraw(worker: string): Promise<void> {
    this.#entries.delete(worker);
    return Promise.resolve();
  }

  list(): Promise<WorkerEntry[]> {
    const now = this.#now();
    const live = [...this.#entries.values()].filter(({ until }) => until > now);
    return Promise.resolve(live.map(({ entry }) => entry).sort((a, b) => a.id.localeCompare(b.id)));
  }

  /** Each new value weighs one fifth. */
  recordDuration(model: string, durationMs: number): Promise<void> {
    const average = this.#averages.get(model);
    const next = average === undefined ? durationMs : average + (durationMs - average) / 5;
    this.#averages.set(model, next);
    return Promise.resolve();
  }

  averageDurationMs(model: string): Promise<number | undefined> {
    return Promise.resolve(this.#averages.get(model));
  }
}
