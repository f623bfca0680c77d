import type { WorkerSignals } from '@stepcast/hub';
import type { Redis } from 'ioredis';
import { reach } from './errors.js';
import type { Keys } from './keys.js';
import type { Subscriber } from './subscriber.js';

/** Hints between processes by pub/sub: at-most-once; on the subscriber connection that the feed uses. */
export class RedisWorkerSignals implements WorkerSignals {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #subscriber: Subscriber;
  readonly #wakes = new Set<(model: string) => void>();

  constructor(redis: Redis, keys: Keys, subscriber: Subscriber) {
    this.#redis = redis;
    this.#keys = keys;
    this.#subscriber = subscriber;
  }

  async nudge(worker: string, job: string): Promise<void> {
    await reach(this.#redis.publish(this.#keys.nudges(worker), job));
  }

  onNudge(worker: string, listener: (job: string) => void): Promise<void> {
    return this.#subscriber.listen(this.#keys.nudges(worker), (payload) => {
      listener(payload.toString());
    });
  }

  async wake(model: string): Promise<void> {
    await reach(this.#redis.publish(this.#keys.wakes, model));
  }

  onWake(listener: (model: string) => void): Promise<void> {
    this.#wakes.add(listener);
    return this.#subscriber.listen(this.#keys.wakes, (payload) => {
      const model = payload.toString();
      for (const wake of this.#wakes) wake(model);
    });
  }
}
