import type { Channel } from './channel.js';
import type { Clock } from './clock.js';
import type { HubObserver } from './hub-observer.js';
import type { JobLogReader, LogHead } from './ports/job-log.port.js';

/** How often silent channels are compared with the store: finds a lost last message. */
export const AUDIT_MS = 3_000;

/**
 * Audits in a row without a trace of a job, before its viewers are told: 15 s, in which the worker of a
 * running job brings a lost log back.
 */
const MAX_MISSES = 5;

export interface ChannelAuditsOptions {
  readonly reader: JobLogReader;
  readonly clock: Clock;
  readonly observer: HubObserver;
  readonly auditMs: number;
  readonly onError: (error: unknown) => void;
  /** The channels that are open now. */
  readonly channels: () => readonly Channel[];
  /** The store has not known the job of a channel for too long. */
  readonly onGone: (channel: Channel) => void;
}

/**
 * Compares the channels of a gateway with the store, and heals those that differ: messages of the feed
 * are at-most-once, and behind the last one no gap shows that it was lost.
 *
 * - I1 One timer for all channels, while there are any; one round trip per audit.
 * - I2 A job that one audit does not find may come back: its worker restores it.
 */
export class ChannelAudits {
  readonly #options: ChannelAuditsOptions;
  /** Audits in a row that did not find a job in the store. */
  readonly #misses = new WeakMap<Channel, number>();
  #cancel: (() => void) | undefined;

  constructor(options: ChannelAuditsOptions) {
    this.#options = options;
  }

  /** Audits from now on, as long as there are channels. */
  begin(): void {
    const { clock, auditMs, channels } = this.#options;
    this.#cancel ??= clock.after(auditMs, () => {
      this.#cancel = undefined;
      if (channels().length === 0) return;
      this.#auditAll()
        .catch(this.#options.onError)
        .finally(() => {
          this.begin();
        });
    });
  }

  /** Audits once more, at once. */
  now(): void {
    this.#auditAll().catch(this.#options.onError);
  }

  stop(): void {
    this.#cancel?.();
  }

  async #auditAll(): Promise<void> {
    const channels = this.#options.channels().filter((channel) => !channel.isEnded);
    if (channels.length === 0) return;
    const heads = await this.#options.reader.heads(channels.map(({ job }) => job));
    await Promise.all(channels.map((channel, index) => this.#compare(channel, heads[index])));
  }

  async #compare(channel: Channel, head: LogHead | undefined): Promise<void> {
    const misses = head === undefined ? (this.#misses.get(channel) ?? 0) + 1 : 0;
    this.#misses.set(channel, misses);
    if (misses >= MAX_MISSES) this.#options.onGone(channel);
    if (head === undefined) return;
    if (head.epoch !== channel.epoch || head.top > channel.top) {
      this.#options.observer.auditDiffered();
      await channel.catchUp();
    }
  }
}
