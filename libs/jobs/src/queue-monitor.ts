import { ReplyError, type Redis } from 'ioredis';
import pTimeout from 'p-timeout';
import { FaultSpell, type FaultSpellHooks } from './fault-spell.js';

/** How often a connection that is well proves it, and how often one that is not looks whether that is over. */
const PERIOD_MS = 5_000;
const TROUBLED_PERIOD_MS = 1_000;

/** As the calls of the store: longer than any pause that Redis makes and survives. */
const DEADLINE_MS = 10_000;

/** A Redis that answered "no" a moment ago is not well yet: at its limit it takes one write of two. */
const QUIET_MS = 2_500;

const PROBE_LIFE_MS = 60_000;

/**
 * Whether the queues can be used over one connection, as this process sees it: for health, metrics and
 * the log. It watches from the moment at which the connection is made until it is closed for good.
 *
 * - Q1 Any failure begins a spell of trouble; only a write that worked ends it. A connection that is
 *   there proves nothing: a replica, or a Redis that is full, answers every question.
 * - Q2 A spell is told twice, when it begins and when it ends, with the number of its failures.
 * - Q3 One probe at a time, also when it waits for an hour: the connection of a worker keeps what it is
 *   told until Redis is back.
 */
export class QueueMonitor {
  readonly #connection: Redis;
  readonly #key: string;
  readonly #spell: FaultSpell;
  #failures = 0;
  #failedAt = -Infinity;
  #isRefused = false;
  #probedAt = -Infinity;
  #probing: Promise<void> | undefined;
  #write: Promise<void> | undefined;

  /** @param prefix from `queuePrefix` */
  constructor(connection: Redis, prefix: string, hooks: FaultSpellHooks) {
    this.#connection = connection;
    this.#key = `${prefix}:probe`;
    this.#spell = new FaultSpell(hooks);
    connection.on('error', this.failed);
    connection.on('ready', () => {
      this.#look();
    });
    connection.once('ready', () => {
      const timer = setInterval(() => {
        this.#tick();
      }, TROUBLED_PERIOD_MS).unref();
      connection.once('end', () => {
        clearInterval(timer);
      });
    });
  }

  get isUp(): boolean {
    return this.#spell.trouble === undefined;
  }

  /** Since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Something that was asked of the connection has failed. */
  readonly failed = (error: unknown): void => {
    if (this.#connection.status === 'end') return;
    this.#failures += 1;
    this.#failedAt = performance.now();
    this.#isRefused = error instanceof ReplyError;
    this.#spell.failed(error);
  };

  /**
   * Whether the queues can be used now; connects, if nobody has yet.
   * @throws {Error} what is wrong, and since when
   */
  async check(): Promise<void> {
    const { trouble } = this.#spell;
    if (trouble === undefined) {
      await this.#probe();
      return;
    }
    const { error, forMs } = trouble;
    const reason = (error instanceof Error && error.message) || String(error);
    throw new Error(`The queues could not be used for ${(forMs / 1_000).toFixed(1)} s: ${reason}`);
  }

  #tick(): void {
    const isDue = performance.now() - this.#probedAt >= PERIOD_MS;
    if (isDue || !this.isUp) this.#look();
  }

  #look(): void {
    // What it throws has begun a spell, or belongs to one.
    this.#probe().catch(() => undefined);
  }

  /** Looks now, or joins the look that is on its way. */
  #probe(): Promise<void> {
    this.#probing ??= this.#proveInTime().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  async #proveInTime(): Promise<void> {
    this.#probedAt = performance.now();
    const message = `no answer within ${DEADLINE_MS} ms`;
    try {
      await pTimeout(this.#prove(), { milliseconds: DEADLINE_MS, message });
    } catch (error) {
      // What the connection said of itself tells more than that a call was given up.
      const { trouble } = this.#spell;
      this.failed(error instanceof ReplyError ? error : (trouble?.error ?? error));
      throw error;
    }
  }

  /** The write goes on waiting when a look has given it up, and the next look joins it (Q3). */
  #prove(): Promise<void> {
    this.#write ??= this.#ask()
      .then(() => {
        const isQuiet = !this.#isRefused || performance.now() - this.#failedAt >= QUIET_MS;
        if (isQuiet) this.#spell.worked();
      })
      .finally(() => {
        this.#write = undefined;
      });
    return this.#write;
  }

  /** A call of the API is given up sooner than a Redis that merely pauses: then it is asked again. */
  async #ask(): Promise<void> {
    for (;;) {
      try {
        await this.#connection.set(this.#key, '', 'PX', PROBE_LIFE_MS);
        return;
      } catch (error) {
        if (error instanceof ReplyError || this.#connection.status !== 'ready') throw error;
      }
    }
  }
}
