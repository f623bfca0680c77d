import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';

/**
 * Which jobs there are, for lists and sweeps: two sorted sets without scores, ordered by id, which is
 * ordered by time because ids are UUIDv7. They live outside of the slot of any job, so they are written
 * beside the scripts and may be behind or ahead of the records; whoever reads them drops what is wrong.
 */
export class JobIndex {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** A job was made or taken: it is open, and it is listed until its record is gone. */
  async opened(job: string): Promise<void> {
    const { jobs, open } = this.#keys;
    await Promise.all([
      this.#redis.zadd(jobs, 0, job),
      this.#redis.zadd(open, 0, job),
      this.#redis.pexpire(jobs, INDEX_MS),
      this.#redis.pexpire(open, INDEX_MS),
    ]);
  }

  /** A job has ended. A failure is no matter: the next sweep finds out. */
  async ended(job: string): Promise<void> {
    await this.#redis.zrem(this.#keys.open, job).catch(() => undefined);
  }

  /** Jobs that have not ended, some of which may be listed as if they had. */
  async reopen(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return;
    const { open } = this.#keys;
    const members = jobs.flatMap((job) => [0, job]);
    await Promise.all([this.#redis.zadd(open, ...members), this.#redis.pexpire(open, INDEX_MS)]);
  }

  /** Ids of open jobs, oldest first. */
  open(limit: number, offset: number): Promise<string[]> {
    return this.#redis.zrange(this.#keys.open, '-', '+', 'BYLEX', 'LIMIT', offset, limit);
  }

  /** Ids of jobs, newest first, that come behind `before`. */
  newest(limit: number, before: string | undefined): Promise<string[]> {
    const from = before === undefined ? '+' : `(${before}`;
    return this.#redis.zrange(this.#keys.jobs, from, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit);
  }

  /** Drops jobs whose records are gone. */
  async forget(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return;
    await Promise.all([
      this.#redis.zrem(this.#keys.jobs, ...jobs),
      this.#redis.zrem(this.#keys.open, ...jobs),
    ]);
  }

  /**
   * Looks at a few random jobs of the list and drops those whose records are gone, as Redis does with
   * its own expired keys: with four looks for each new job, at most about a quarter of the list is stale
   * even if nobody ever lists it.
   */
  async prune(): Promise<void> {
    const sample = await this.#redis.zrandmember(this.#keys.jobs, PRUNE_SAMPLE);
    const ids = Array.isArray(sample) ? sample : [];
    const exists = await Promise.all(ids.map((id) => this.#redis.exists(this.#keys.meta(id))));
    await this.forget(ids.filter((_, i) => exists[i] === 0));
  }
}

const PRUNE_SAMPLE = 4;

/** 13 weeks: longer than any job may live, so that the index never ends before its jobs. */
const INDEX_MS = 13 * 7 * 86_400_000;
