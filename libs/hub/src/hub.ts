import type { From, Position, StepcastError } from '@stepcast/protocol';
import { AUDIT_MS, ChannelAudits } from './channel-audits.js';
import { ChannelMemory } from './channel-memory.js';
import { Channel } from './channel.js';
import type { Clock } from './clock.js';
import type { FoldOf } from './fold.js';
import type { HolderLeases } from './holder-leases.js';
import { NO_OBSERVER, type HubObserver } from './hub-observer.js';
import type { JobLogReader } from './ports/job-log.port.js';
import type { LogFeed } from './ports/log-feed.port.js';
import { missingJob, type LostJobs } from './ports/lost-jobs.port.js';
import type { Transport } from './transport.port.js';
import { MAX_CHUNK_BYTES, Viewer } from './viewer.js';

/** How long a channel without viewers is kept: a reload of a page comes back to a warm one. */
export const LINGER_MS = 2_000;

/** Bytes of recent events per channel; viewers further behind are served from the store. */
export const MAX_WINDOW_BYTES = 1_048_576;

/**
 * Memory for the events of all channels: 256 jobs with a full window, or 10,000 with 26 KB each, well inside
 * the heap that Node gives itself.
 */
export const MAX_MEMORY_BYTES = 268_435_456;

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
  /** Tells what the store has lost; without it such a job is `job_not_found`. */
  readonly lost?: LostJobs;
  readonly lingerMs?: number;
  readonly auditMs?: number;
  readonly maxWindowBytes?: number;
  readonly maxMemoryBytes?: number;
  readonly maxChunkBytes?: number;
  /** How the events of a model fold; of models that it does not know, losslessly. Default: all of them. */
  readonly foldsOf?: (model: string) => FoldOf;
  readonly observer?: HubObserver;
}

export interface WatchOptions {
  readonly job: string;
  readonly from: From;
  /** Whether the viewer keeps the job alive. */
  readonly hold: boolean;
  readonly transport: Transport;
  /** The terminal event has been written. The viewer is detached already. */
  readonly onEnd: () => void;
  /** The job cannot be shown any further: `job_not_found`, `job_gone`, `unavailable`. Detached already, too. */
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
 * - I3 A channel without viewers has one timer, however often they came and went.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #channels = new Map<string, Promise<Channel>>();
  readonly #joined = new Map<string, Channel>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #memory: ChannelMemory;
  readonly #observer: HubObserver;
  /** Cancels the end of a channel without viewers. */
  readonly #lingering = new Map<Channel, () => void>();
  readonly #audits: ChannelAudits;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#memory = new ChannelMemory(options.maxMemoryBytes ?? MAX_MEMORY_BYTES);
    this.#observer = options.observer ?? NO_OBSERVER;
    this.#audits = new ChannelAudits({
      auditMs: AUDIT_MS,
      ...options,
      observer: this.#observer,
      channels: () => [...this.#joined.values()],
      onGone: (channel) => {
        channel.fail(missingJob(channel.job, options.lost));
        this.#closeChannel(channel);
      },
    });
    options.feed.onInterrupted(() => {
      this.#audits.now();
    });
  }

  get channelCount(): number {
    return this.#joined.size;
  }

  get viewerCount(): number {
    return [...this.#joined.values()].reduce((sum, channel) => sum + channel.viewerCount, 0);
  }

  /** Memory of the events that all channels hold, in bytes. */
  get memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  /** Where the log of a job stands, and whether it has ended. */
  async head(job: string): Promise<Position & { readonly isEnded: boolean }> {
    const { epoch, top, isEnded } = await this.#open(job);
    return { epoch, seq: top, isEnded };
  }

  /**
   * Begins to watch. What the viewer lacks is written by the first `pump`, so that the caller can write
   * its own first bytes before.
   * @throws {StepcastError} `job_not_found`; `job_gone` when Redis has lost the job; `unavailable` when
   *   it cannot be reached, or may yet get the job back.
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
    this.#audits.stop();
    this.#options.holders.stop();
    for (const cancel of this.#lingering.values()) cancel();
    this.#lingering.clear();
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
    this.#stopLingering(channel);
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
        this.#audits.begin();
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
    const channel = new Channel({
      maxWindowBytes: MAX_WINDOW_BYTES,
      maxChunkBytes: MAX_CHUNK_BYTES,
      foldsOf: () => () => 'all',
      ...this.#options,
      job,
      memory: this.#memory,
      observer: this.#observer,
    });
    if (await channel.join()) return channel;
    throw missingJob(job, this.#options.lost);
  }

  #lingerThenClose(channel: Channel): void {
    if (channel.viewerCount > 0 || this.#joined.get(channel.job) !== channel) return;
    this.#stopLingering(channel);
    const cancel = this.#options.clock.after(this.#options.lingerMs ?? LINGER_MS, () => {
      this.#closeChannel(channel);
    });
    this.#lingering.set(channel, cancel);
  }

  #stopLingering(channel: Channel): void {
    this.#lingering.get(channel)?.();
    this.#lingering.delete(channel);
  }

  #closeChannel(channel: Channel): void {
    // Two answers may end the same channel, and somebody may have opened the job anew between them.
    if (this.#joined.get(channel.job) !== channel) return;
    this.#stopLingering(channel);
    this.#joined.delete(channel.job);
    this.#channels.delete(channel.job);
    const closing = channel
      .close()
      .catch(this.#options.onError)
      .finally(() => this.#closing.delete(channel.job));
    this.#closing.set(channel.job, closing);
  }
}

function startOf(channel: Channel, from: From): Position {
  if (from === 'now') return { epoch: channel.epoch, seq: channel.top };
  if (from === 'start') return { epoch: channel.epoch, seq: 0 };
  return from;
}
