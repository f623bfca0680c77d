import { StepcastError, type From, type Position } from '@stepcast/protocol';
import { Channel } from './channel.js';
import type { Clock } from './clock.js';
import type { HolderLeases } from './holder-leases.js';
import type { JobLogReader, LogHead } from './ports/job-log.port.js';
import type { LogFeed } from './ports/log-feed.port.js';
import type { Transport } from './transport.port.js';
import { Viewer } from './viewer.js';

/** How long a channel without viewers is kept: a reload of a page comes back to a warm one. */
export const LINGER_MS = 2_000;

/** How often silent channels are compared with the store: finds a lost last message. */
export const AUDIT_MS = 3_000;

/** Bytes of recent events per channel; viewers further behind are served from the store. */
export const MAX_WINDOW_BYTES = 1_048_576;

export interface HubOptions {
  readonly reader: JobLogReader;
  readonly feed: LogFeed;
  readonly holders: HolderLeases;
  readonly clock: Clock;
  /** Runs a callback at the end of this turn of the event loop (setImmediate). */
  readonly defer: (callback: () => void) => void;
  /** The last holder of a job here has left; its grace begins. */
  readonly onIdle: (job: string) => void;
  readonly onError: (error: unknown) => void;
  readonly lingerMs?: number;
  readonly auditMs?: number;
  readonly maxWindowBytes?: number;
}

export interface WatchOptions {
  readonly job: string;
  readonly from: From;
  /** Whether the viewer keeps the job alive. */
  readonly hold: boolean;
  readonly transport: Transport;
  /** The terminal event has been written. The viewer is detached already. */
  readonly onEnd: () => void;
  /** The job cannot be shown any further: `job_not_found`, `unavailable`. Detached already, too. */
  readonly onFail: (error: StepcastError) => void;
}

/** A viewer's subscription; `leave` is idempotent and must be called when its connection ends. */
export interface Watch {
  readonly job: string;
  /** Where the viewer began. */
  readonly position: Position;
  /** Sends what the viewer lacks; call it when the connection has drained. */
  pump(): void;
  leave(): void;
}

/**
 * All channels of a gateway.
 *
 * - I1 One channel, one subscription and one join per job, however many viewers come at once.
 * - I2 A channel is closed only when it has had no viewer for `lingerMs`; a new channel of the same job
 *   begins after the old one has unsubscribed.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #channels = new Map<string, Promise<Channel>>();
  readonly #joined = new Map<string, Channel>();
  readonly #closing = new Map<string, Promise<void>>();
  /** Audits in a row that did not find a job in the store. */
  readonly #misses = new WeakMap<Channel, number>();
  #cancelAudit: (() => void) | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    options.feed.onInterrupted(() => {
      this.#auditAll().catch(options.onError);
    });
  }

  get channelCount(): number {
    return this.#joined.size;
  }

  get viewerCount(): number {
    return [...this.#joined.values()].reduce((sum, channel) => sum + channel.viewerCount, 0);
  }

  /** Where the log of a job stands, and whether it has ended. */
  async head(job: string): Promise<Position & { readonly isEnded: boolean }> {
    const { epoch, top, isEnded } = await this.#open(job);
    return { epoch, seq: top, isEnded };
  }

  /**
   * Begins to watch. What the viewer lacks is written by the first `pump`, so that the caller can write
   * its own first bytes before.
   * @throws {StepcastError} `job_not_found`; `unavailable` when Redis cannot be reached.
   */
  async watch(options: WatchOptions): Promise<Watch> {
    const { job, hold } = options;
    const opening = this.#open(job);
    // A failure is met again, and handled, below.
    opening.catch(() => undefined);
    try {
      if (hold) await this.#options.holders.acquire(job);
      // Opened again, not awaited again: the lease may have taken longer than the channel lingered.
      return this.#attach(await this.#open(job), options);
    } catch (error) {
      if (hold) this.#releaseHolder(job);
      throw error;
    }
  }

  /** Stops all timers and closes all channels. */
  async close(): Promise<void> {
    this.#cancelAudit?.();
    this.#options.holders.stop();
    const channels = [...this.#joined.values()];
    this.#joined.clear();
    this.#channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }

  #attach(channel: Channel, options: WatchOptions): Watch {
    const position = startOf(channel, options.from);
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      viewer.detach();
      this.#lingerThenClose(channel);
      if (options.hold) this.#releaseHolder(options.job);
    };
    const viewer = new Viewer({
      channel,
      transport: options.transport,
      position,
      onEnd: () => {
        leave();
        options.onEnd();
      },
      onFail: (error) => {
        leave();
        if (error.code === 'internal') this.#options.onError(error);
        options.onFail(error);
      },
    });
    channel.add(viewer);
    return {
      job: options.job,
      position,
      leave,
      pump: () => {
        viewer.pump();
      },
    };
  }

  #releaseHolder(job: string): void {
    this.#options.holders.release(job).then((isLast) => {
      if (isLast) this.#options.onIdle(job);
    }, this.#options.onError);
  }

  #open(job: string): Promise<Channel> {
    const known = this.#channels.get(job);
    if (known !== undefined) return known;
    const opening = this.#join(job);
    this.#channels.set(job, opening);
    opening.then(
      (channel) => {
        if (this.#channels.get(job) !== opening) return;
        this.#joined.set(job, channel);
        this.#scheduleAudit();
        this.#lingerThenClose(channel);
      },
      () => {
        if (this.#channels.get(job) === opening) this.#channels.delete(job);
      },
    );
    return opening;
  }

  async #join(job: string): Promise<Channel> {
    await this.#closing.get(job);
    const { reader, feed, defer, maxWindowBytes = MAX_WINDOW_BYTES } = this.#options;
    const channel = new Channel({ job, reader, feed, defer, maxWindowBytes });
    if (await channel.join()) return channel;
    throw new StepcastError('job_not_found');
  }

  #lingerThenClose(channel: Channel): void {
    if (channel.viewerCount > 0) return;
    this.#options.clock.after(this.#options.lingerMs ?? LINGER_MS, () => {
      if (channel.viewerCount > 0 || this.#joined.get(channel.job) !== channel) return;
      this.#closeChannel(channel);
    });
  }

  #closeChannel(channel: Channel): void {
    this.#joined.delete(channel.job);
    this.#channels.delete(channel.job);
    const closing = channel
      .close()
      .catch(this.#options.onError)
      .finally(() => this.#closing.delete(channel.job));
    this.#closing.set(channel.job, closing);
  }

  #scheduleAudit(): void {
    this.#cancelAudit ??= this.#options.clock.after(this.#options.auditMs ?? AUDIT_MS, () => {
      this.#cancelAudit = undefined;
      if (this.#joined.size === 0) return;
      this.#auditAll()
        .catch(this.#options.onError)
        .finally(() => {
          this.#scheduleAudit();
        });
    });
  }

  #isForgotten(channel: Channel, head: LogHead | undefined): boolean {
    const misses = head === undefined ? (this.#misses.get(channel) ?? 0) + 1 : 0;
    this.#misses.set(channel, misses);
    return misses >= MAX_MISSES;
  }

  /** Compares every open channel with the store in one round trip and heals those that differ. */
  async #auditAll(): Promise<void> {
    const channels = [...this.#joined.values()].filter((channel) => !channel.isEnded);
    if (channels.length === 0) return;
    const heads = await this.#options.reader.heads(channels.map(({ job }) => job));
    await Promise.all(
      channels.map(async (channel, index) => {
        const head = heads[index];
        if (this.#isForgotten(channel, head)) {
          channel.fail(new StepcastError('job_not_found'));
          this.#closeChannel(channel);
        } else if (head === undefined) {
          return;
        } else if (head.epoch !== channel.epoch || head.top > channel.top) {
          await channel.catchUp();
        }
      }),
    );
  }
}

/**
 * Audits in a row without a trace of a job, before its viewers are told: 15 s, in which the worker of a
 * running job brings a lost log back.
 */
const MAX_MISSES = 5;

function startOf(channel: Channel, from: From): Position {
  if (from === 'now') return { epoch: channel.epoch, seq: channel.top };
  if (from === 'start') return { epoch: channel.epoch, seq: 0 };
  return from;
}
