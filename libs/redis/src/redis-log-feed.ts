import type { FeedBatch, LogFeed } from '@stepcast/hub';
import { decodeFeedMessage } from './feed-message.js';
import type { Keys } from './keys.js';
import type { Subscriber } from './subscriber.js';

/**
 * New events by pub/sub: at-most-once, in order. All jobs of a process share its one subscriber
 * connection (subscriber.ts), whatever their number.
 */
export class RedisLogFeed implements LogFeed {
  readonly #keys: Keys;
  readonly #subscriber: Subscriber;

  constructor(keys: Keys, subscriber: Subscriber) {
    this.#keys = keys;
    this.#subscriber = subscriber;
  }

  subscribe(job: string, listener: (batch: FeedBatch) => void): Promise<void> {
    return this.#subscriber.listen(this.#keys.feed(job), (payload) => {
      const batch = decodeFeedMessage(payload);
      if (batch) listener(batch);
    });
  }

  unsubscribe(job: string): Promise<void> {
    return this.#subscriber.ignore(this.#keys.feed(job));
  }

  onInterrupted(listener: () => void): void {
    this.#subscriber.onInterrupted(listener);
  }
}
