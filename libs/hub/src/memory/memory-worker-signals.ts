import type { WorkerSignals } from '../ports/worker-signals.port.js';

/** Signals inside one process, delivered in a microtask. */
export class MemoryWorkerSignals implements WorkerSignals {
  readonly #nudged = new Map<string, (job: string) => void>();
  readonly #woken = new Set<(model: string) => void>();

  async nudge(worker: string, job: string): Promise<void> {
    await Promise.resolve();
    this.#nudged.get(worker)?.(job);
  }

  onNudge(worker: string, listener: (job: string) => void): Promise<void> {
    this.#nudged.set(worker, listener);
    return Promise.resolve();
  }

  async wake(model: string): Promise<void> {
    await Promise.resolve();
    for (const listener of this.#woken) listener(model);
  }

  onWake(listener: (model: string) => void): Promise<void> {
    this.#woken.add(listener);
    return Promise.resolve();
  }
}
