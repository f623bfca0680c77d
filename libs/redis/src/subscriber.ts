/**
 * One subscriber connection for a whole process.
 *
 * What this process wants to hear is kept here; what Redis knows follows:
 *
 *   listen ──► wanted ──(next turn)──► SUBSCRIBE a b c … ──► confirmed: the promises resolve
 *   ignore ──► dropped ─(next turn)──► UNSUBSCRIBE d e f …
 *   reconnect ──► SUBSCRIBE everything wanted ──► confirmed ──► interrupted listeners
 *
 * - S1 Commands go out in the order of the calls on one connection, so the last call wins in Redis too.
 * - S2 All calls of one event-loop turn share commands of at most {@link MAX_CHANNELS} channels.
 * - S3 `onInterrupted` fires only after the new subscriptions are confirmed: what is read from then on,
 *   together with what arrives from then on, is everything.
 *
 * Messages are at-most-once. Listeners must return fast: a subscriber that lags is cut off by Redis.
 */
import type { Redis } from 'ioredis';
import { reach } from './errors.js';

/** Channels in one command: bounds the time for which one command occupies Redis. */
const MAX_CHANNELS = 512;

export type ChannelListener = (payload: Buffer) => void;

interface Waiting {
  readonly promise: Promise<void>;
  readonly settle: (outcome: Promise<unknown>) => void;
}

export class Subscriber {
  readonly #redis: Redis;
  readonly #listeners = new Map<string, ChannelListener>();
  readonly #interrupted = new Set<() => void>();
  readonly #adding = new Map<string, Waiting>();
  readonly #dropping = new Map<string, Waiting>();
  #isFlushing = false;
  #wasReady = false;

  constructor(redis: Redis) {
    this.#redis = redis;
    redis.on('messageBuffer', (channel: Buffer, payload: Buffer) => {
      this.#listeners.get(channel.toString())?.(payload);
    });
    redis.on('ready', () => void this.#onReady());
  }

  /**
   * Hears a channel; one listener each. Resolves when Redis has confirmed.
   * @throws {StepcastError} `unavailable` if it does not in time; the channel is then not heard
   */
  listen(channel: string, listener: ChannelListener): Promise<void> {
    this.#listeners.set(channel, listener);
    // Not yet sent: Redis still has the subscription.
    const dropping = this.#dropping.get(channel);
    if (dropping) {
      this.#dropping.delete(channel);
      dropping.settle(Promise.resolve());
      return Promise.resolve();
    }
    return this.#enqueue(this.#adding, channel);
  }

  /** Hears a channel no longer. */
  ignore(channel: string): Promise<void> {
    this.#listeners.delete(channel);
    const adding = this.#adding.get(channel);
    if (adding) {
      this.#adding.delete(channel);
      adding.settle(Promise.resolve());
      return Promise.resolve();
    }
    return this.#enqueue(this.#dropping, channel);
  }

  /** Called after messages may have been missed and everything is heard again. */
  onInterrupted(listener: () => void): void {
    this.#interrupted.add(listener);
  }

  #enqueue(queue: Map<string, Waiting>, channel: string): Promise<void> {
    const waiting = queue.get(channel) ?? createWaiting();
    queue.set(channel, waiting);
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // setImmediate, not a microtask: subscriptions of many sockets arrive in many callbacks of one turn.
      setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
    return waiting.promise;
  }

  #flush(): void {
    const adding = [...this.#adding];
    const dropping = [...this.#dropping];
    this.#adding.clear();
    this.#dropping.clear();
    for (const group of inGroups(adding)) {
      const heard = group.map(([channel]) => [channel, this.#listeners.get(channel)] as const);
      const sent = this.#redis.subscribe(...group.map(([channel]) => channel));
      sent.catch(() => {
        this.#forget(heard);
      });
      for (const [, waiting] of group) waiting.settle(sent);
    }
    for (const group of inGroups(dropping)) {
      const sent = this.#redis.unsubscribe(...group.map(([channel]) => channel));
      for (const [, waiting] of group) waiting.settle(sent);
    }
  }

  /** A subscription that failed is not asked for again at the next reconnect. */
  #forget(heard: readonly (readonly [string, ChannelListener | undefined])[]): void {
    for (const [channel, listener] of heard) {
      if (this.#listeners.get(channel) === listener) this.#listeners.delete(channel);
    }
  }

  async #onReady(): Promise<void> {
    const isFirst = !this.#wasReady;
    this.#wasReady = true;
    if (isFirst) return;
    const channels = [...this.#listeners.keys()].map((channel) => [channel] as const);
    const sent = [...inGroups(channels)].map((group) =>
      this.#redis.subscribe(...group.map(([channel]) => channel)),
    );
    // If this fails the connection is gone again, and so is this ready: the next one does it all anew.
    const results = await Promise.allSettled(sent);
    if (results.some((result) => result.status === 'rejected')) return;
    for (const listener of this.#interrupted) listener();
  }
}

function createWaiting(): Waiting {
  const { promise, resolve, reject } = withResolvers();
  return {
    promise,
    settle: (outcome) => {
      reach(outcome).then(() => {
        resolve();
      }, reject);
    },
  };
}

function withResolvers(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
} {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function* inGroups<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += MAX_CHANNELS) yield items.slice(i, i + MAX_CHANNELS);
}
