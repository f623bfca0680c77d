import type { Leases } from '@stepcast/hub';
import type { Keys } from './keys.js';
import type { Scripts } from './scripts.js';

/**
 * Leases in Redis, by the clock of Redis. Leases on jobs that go on without viewers are not kept. Every
 * method throws `unavailable` when Redis cannot be reached in time.
 */
export class RedisLeases implements Leases {
  readonly #keys: Keys;
  readonly #scripts: Scripts;

  constructor(keys: Keys, scripts: Scripts) {
    this.#keys = keys;
    this.#scripts = scripts;
  }

  async hold(job: string, gateway: string, lifetimeMs: number): Promise<void> {
    await this.#scripts.run('hold', this.#of(job), [gateway, lifetimeMs]);
  }

  /** One round trip: the connection pipelines what is sent in one turn. */
  async refresh(jobs: readonly string[], gateway: string, lifetimeMs: number): Promise<void> {
    await Promise.all(jobs.map((job) => this.hold(job, gateway, lifetimeMs)));
  }

  async release(job: string, gateway: string): Promise<void> {
    await this.#scripts.run('release', this.#of(job), [gateway]);
  }

  #of(job: string): string[] {
    return [this.#keys.meta(job), this.#keys.holders(job)];
  }
}
