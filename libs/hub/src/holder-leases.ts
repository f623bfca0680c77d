import type { Clock } from './clock.js';
import type { Leases } from './ports/leases.port.js';

/** Lifetime of a lease: a killed gateway is noticed after so long. */
export const LEASE_LIFETIME_MS = 6_000;

/** Three refreshes fit into a lifetime, so that one lost or late refresh ends nothing. */
export const LEASE_REFRESH_MS = 2_000;

/** Behind a drain: time for the last viewers and callers to come back somewhere else. */
const RETURN_MS = 10_000;

/** How long the leases of a process that drains for `drainTimeoutMs` should live. */
export function drainLeaseMs(drainTimeoutMs: number): number {
  return drainTimeoutMs + RETURN_MS;
}

export interface HolderLeasesOptions {
  readonly gateway: string;
  readonly leases: Leases;
  readonly clock: Clock;
  /** Called with what went wrong; the next refresh tries again. */
  readonly onError: (error: unknown) => void;
  readonly lifetimeMs?: number;
  readonly refreshMs?: number;
}

/**
 * Counts the holders of each job on this gateway and keeps one lease per job that has any.
 *
 * - I1 A job with at least one holder has a lease that is refreshed; the last one's leave releases it.
 * - I2 The calls for one job reach the store in the order of the holders' coming and going.
 * - I3 After {@link extendAll} nothing is released: a draining gateway must not look like viewers who left.
 */
export class HolderLeases {
  readonly #options: HolderLeasesOptions;
  readonly #counts = new Map<string, number>();
  /** The last call per job, so that the next one waits for it (I2). */
  readonly #calls = new Map<string, Promise<void>>();
  #cancelTimer: (() => void) | undefined;
  #isFrozen = false;

  constructor(options: HolderLeasesOptions) {
    this.#options = options;
  }

  get jobCount(): number {
    return this.#counts.size;
  }

  /** Resolves once the lease stands. */
  acquire(job: string): Promise<void> {
    const count = this.#counts.get(job) ?? 0;
    this.#counts.set(job, count + 1);
    this.#scheduleRefresh();
    if (count > 0) return this.#calls.get(job) ?? Promise.resolve();
    return this.#inOrder(job, () =>
      this.#options.leases.hold(job, this.#options.gateway, this.#lifetimeMs),
    );
  }

  /** True if that was the last holder here; resolves once the lease is released. */
  async release(job: string): Promise<boolean> {
    const count = (this.#counts.get(job) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(job, count);
      return false;
    }
    this.#counts.delete(job);
    if (this.#isFrozen) return false;
    await this.#inOrder(job, () => this.#options.leases.release(job, this.#options.gateway));
    return !this.#counts.has(job);
  }

  /** Extends every lease, so that viewers of a gateway that goes away have time to come back. */
  async extendAll(lifetimeMs: number): Promise<void> {
    this.stop();
    this.#isFrozen = true;
    const jobs = [...this.#counts.keys()];
    if (jobs.length > 0)
      await this.#options.leases.refresh(jobs, this.#options.gateway, lifetimeMs);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  get #lifetimeMs(): number {
    return this.#options.lifetimeMs ?? LEASE_LIFETIME_MS;
  }

  #inOrder(job: string, call: () => Promise<void>): Promise<void> {
    const before = this.#calls.get(job) ?? Promise.resolve();
    const after = before.catch(() => undefined).then(call);
    this.#calls.set(job, after);
    const forget = (): void => {
      if (this.#calls.get(job) === after) this.#calls.delete(job);
    };
    after.then(forget, forget);
    return after;
  }

  #scheduleRefresh(): void {
    if (this.#isFrozen) return;
    this.#cancelTimer ??= this.#options.clock.after(
      this.#options.refreshMs ?? LEASE_REFRESH_MS,
      () => {
        this.#cancelTimer = undefined;
        if (this.#counts.size === 0) return;
        this.#scheduleRefresh();
        this.#options.leases
          .refresh([...this.#counts.keys()], this.#options.gateway, this.#lifetimeMs)
          .catch(this.#options.onError);
      },
    );
  }
}
