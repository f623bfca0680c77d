import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { reach } from './errors.js';
import type { Keys } from './keys.js';
import type { Subscriber } from './subscriber.js';

/** How often a probe is sent. */
const PERIOD_MS = 5_000;

/** Probes that must have gone unheard before the connection is blamed. */
const MIN_UNHEARD = 2;

/** Silence after which the subscriber connection is given up: longer than any pause that Redis survives. */
const MAX_SILENCE_MS = 12_000;

export interface CanaryHooks {
  /** A probe came back. */
  readonly onHeard?: () => void;
  /** The connection is given up. */
  readonly onSilent?: () => void;
}

/**
 * Proves that pub/sub delivers: a probe goes out on the commands connection and must come back on the
 * subscriber connection. A half-open subscriber looks connected and hears nothing; only this notices.
 * Probes count only when Redis has taken them, so an outage of Redis is not held against the connection.
 */
export class Canary {
  readonly #hooks: CanaryHooks;
  readonly #commands: Redis;
  readonly #subscriberConnection: Redis;
  readonly #subscriber: Subscriber;
  readonly #channel: string;
  #timer: NodeJS.Timeout | undefined;
  /** When a probe last came back. */
  #heardAt: number | undefined;
  /** Probes that Redis has taken since then. */
  #unheard = 0;

  constructor(
    keys: Keys,
    connections: { readonly commands: Redis; readonly subscriber: Redis },
    subscriber: Subscriber,
    hooks: CanaryHooks = {},
  ) {
    this.#hooks = hooks;
    this.#commands = connections.commands;
    this.#subscriberConnection = connections.subscriber;
    this.#subscriber = subscriber;
    this.#channel = keys.canary(randomUUID());
  }

  /** Milliseconds since a probe last came back; undefined before the first. For health and metrics. */
  get ageMs(): number | undefined {
    return this.#heardAt === undefined ? undefined : performance.now() - this.#heardAt;
  }

  /**
   * Sends probes from now on; resolves once the first has come back, so that pub/sub is proven.
   * @throws {StepcastError} `unavailable` if it does not come back
   */
  async start(): Promise<void> {
    await reach(
      new Promise<void>((resolve, reject) => {
        const heard = (): void => {
          this.#heard();
          resolve();
        };
        this.#subscriber.listen(this.#channel, heard).then(() => {
          this.#probe();
        }, reject);
      }),
    );
    this.#timer = setInterval(() => {
      this.#probe();
    }, PERIOD_MS).unref();
  }

  /**
   * The subscriber hears everything anew. Probes that were taken while it did not are not held against it,
   * and whether it really hears is found out at once.
   */
  resubscribed(): void {
    this.#unheard = 0;
    if (this.#timer !== undefined) this.#probe();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #heard(): void {
    this.#heardAt = performance.now();
    this.#unheard = 0;
    this.#hooks.onHeard?.();
  }

  #probe(): void {
    if (this.#unheard >= MIN_UNHEARD && (this.ageMs ?? 0) > MAX_SILENCE_MS) {
      // Two more probes must go unheard before the next time, so a slow reconnect is left in peace.
      this.#unheard = 0;
      this.#hooks.onSilent?.();
      // Reconnects by itself; the subscriber then hears everything anew and reports the interruption.
      this.#subscriberConnection.disconnect(true);
    }
    const heardAt = this.#heardAt;
    this.#commands.publish(this.#channel, '').then(
      () => {
        // The probe may be heard before Redis says that it took it.
        if (this.#heardAt === heardAt) this.#unheard += 1;
      },
      // An outage is reported by the connections themselves.
      () => undefined,
    );
  }
}
