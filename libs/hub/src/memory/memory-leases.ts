import type { Leases } from '../ports/leases.port.js';
import type { MemoryState } from './memory-state.js';

export class MemoryLeases implements Leases {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  hold(name: string, gateway: string, lifetimeMs: number): Promise<void> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job || job.isEnded || job.origin.options.onDisconnect.policy !== 'cancel') return;
      const now = this.#state.now();
      for (const [holder, until] of job.holders) if (until <= now) job.holders.delete(holder);
      job.holders.set(gateway, now + lifetimeMs);
      job.isHeld = true;
    });
  }

  async refresh(jobs: readonly string[], gateway: string, lifetimeMs: number): Promise<void> {
    await Promise.all(jobs.map((job) => this.hold(job, gateway, lifetimeMs)));
  }

  release(name: string, gateway: string): Promise<void> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job?.holders.delete(gateway)) return;
      const now = this.#state.now();
      if (![...job.holders.values()].some((until) => until > now)) job.idleAt = now;
    });
  }
}
