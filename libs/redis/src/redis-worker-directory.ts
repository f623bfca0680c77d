import type { WorkerDirectory, WorkerEntry } from '@stepcast/hub';
import type { Redis } from 'ioredis';
import { reach } from './errors.js';
import type { Keys } from './keys.js';
import type { Scripts } from './scripts.js';

const DAY_MS = 86_400_000;

/** A model that nobody has run for so long starts with a new average. */
const DURATION_LIFETIME_MS = 30 * DAY_MS;

/**
 * Which workers live: a key per worker that expires, and a set of their ids, from which whoever lists
 * drops those that are gone. Durations are approximate by nature, so a resent one is no matter.
 */
export class RedisWorkerDirectory implements WorkerDirectory {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Scripts;

  constructor(redis: Redis, keys: Keys, scripts: Scripts) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = scripts;
  }

  async announce(entry: WorkerEntry, lifetimeMs: number): Promise<void> {
    const value = JSON.stringify(entry);
    const { workers } = this.#keys;
    await reach(
      Promise.all([
        this.#redis.set(this.#keys.workerEntry(entry.id), value, 'PX', lifetimeMs),
        this.#redis.sadd(workers, entry.id),
        this.#redis.pexpire(workers, DAY_MS + lifetimeMs),
      ]),
    );
  }

  async withdraw(worker: string): Promise<void> {
    await reach(
      Promise.all([
        this.#redis.srem(this.#keys.workers, worker),
        this.#redis.del(this.#keys.workerEntry(worker)),
      ]),
    );
  }

  async list(): Promise<WorkerEntry[]> {
    const ids = (await reach(this.#redis.smembers(this.#keys.workers))).sort();
    const values = await reach(
      Promise.all(ids.map((id) => this.#redis.get(this.#keys.workerEntry(id)))),
    );
    const gone = ids.filter((_, i) => values[i] === null);
    if (gone.length > 0) await reach(this.#redis.srem(this.#keys.workers, ...gone));
    return values
      .filter((value): value is string => typeof value === 'string')
      .map((value) => JSON.parse(value) as WorkerEntry);
  }

  async recordDuration(model: string, durationMs: number): Promise<void> {
    const args = [durationMs, DURATION_LIFETIME_MS];
    await this.#scripts.run('recordDuration', [this.#keys.duration(model)], args);
  }

  async averageDurationMs(model: string): Promise<number | undefined> {
    const value = await reach(this.#redis.get(this.#keys.duration(model)));
    return value === null ? undefined : Number(value);
  }
}
