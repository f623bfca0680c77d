// A viewer as users have them: it resumes by its position wherever it is let in, until the job has ended.
import { Seen, type SeenOptions } from './seen.js';
import { waitFor } from './wait.js';
import { openSse, openWs, type Connection, type Sink } from './watch-connections.js';

export type WatchTransport = 'ws' | 'sse';

export interface WatcherOptions extends SeenOptions {
  readonly job: string;
  /** Addresses of gateways; the next one is tried when a connection ends. */
  readonly gateways: readonly string[];
  readonly transport: WatchTransport;
  /** Whether it keeps the job alive; default true. */
  readonly hold?: boolean;
  /** Default `start`. */
  readonly from?: string;
  /** Its first connection, when that is the one that submitted the job. */
  readonly submitted?: (sink: Sink) => Connection;
}

const RECONNECT_MS = 100;
const running = new Set<Watcher>();

export function stopAllWatchers(): void {
  for (const watcher of running) watcher.stop();
}

export class Watcher {
  readonly seen: Seen;
  /** Connections that were opened; 1 for an undisturbed viewer. */
  connects = 0;
  /** When, by `performance.now()`, and with which `retryMs` the hub sent it away. */
  readonly farewells: { readonly atMs: number; readonly retryMs: number }[] = [];
  /** With which words, and when, the hub said that it does not know the job. */
  sentAway: { readonly how: string; readonly at: number } | undefined;
  readonly #options: WatcherOptions;
  #connection: Connection | undefined;
  #gateway: number;
  #isStopped = false;
  #isOver = false;
  #backAfterMs = RECONNECT_MS;

  constructor(options: WatcherOptions, firstGateway = 0) {
    this.#options = options;
    this.#gateway = firstGateway;
    this.seen = new Seen(options);
    running.add(this);
    this.#connect();
  }

  /** Whether the hub said that it does not know the job. */
  get isGone(): boolean {
    return this.sentAway !== undefined;
  }

  get isOver(): boolean {
    return this.#isOver || this.seen.hasEnded;
  }

  /** Waits for the terminal event (or for what a snapshot says of it). */
  async ended(deadlineMs = 60_000): Promise<Seen> {
    await this.until(() => this.isOver, deadlineMs, 'the end');
    return this.seen;
  }

  /** Waits until what was seen fits; says what was seen when it does not in time. */
  async until(fits: () => boolean, deadlineMs = 20_000, what = fits.toString()): Promise<void> {
    await waitFor(fits, deadlineMs).catch(() => {
      const { types, seq } = this.seen;
      throw new Error(`no ${what} in ${deadlineMs} ms; at ${seq}: ${types.slice(-12).join(' ')}`);
    });
  }

  /** Stops or goes on reading: what a slow client does. */
  pause(isPaused = true): void {
    this.#connection?.pause(isPaused);
  }

  /** Loses its connection and comes back by itself, so many milliseconds after that has closed. */
  drop(backAfterMs = RECONNECT_MS): void {
    this.#backAfterMs = backAfterMs;
    this.#connection?.close();
  }

  /** Leaves for good. */
  stop(): void {
    this.#isStopped = true;
    running.delete(this);
    this.#connection?.close();
  }

  #connect(): void {
    const { gateways, transport, job, hold = true, from = 'start' } = this.#options;
    const gateway = gateways[this.#gateway % gateways.length] ?? '';
    this.connects += 1;
    const where = { gateway, job, hold, from: this.seen.position ?? from };
    let isOpen = true;
    const sink: Sink = {
      event: (text, id) => {
        this.seen.event(text, id);
      },
      reset: (reason) => {
        this.seen.reset(reason);
      },
      snapshot: (position, state) => {
        this.seen.snapshot(position, state);
      },
      began: (position) => {
        this.seen.begin(position);
      },
      gone: (how) => {
        this.sentAway = { how, at: Date.now() };
      },
      away: (retryMs) => {
        this.farewells.push({ atMs: performance.now(), retryMs });
      },
      closed: (isOver) => {
        if (!isOpen) return;
        isOpen = false;
        this.#isOver ||= isOver;
        this.#comeBack();
      },
    };
    const open = transport === 'ws' ? openWs : openSse;
    const submitted = this.connects === 1 ? this.#options.submitted : undefined;
    this.#connection = submitted?.(sink) ?? open(where, sink);
  }

  #comeBack(): void {
    if (this.#isStopped || this.isOver || this.isGone) {
      running.delete(this);
      return;
    }
    this.#gateway += 1;
    setTimeout(() => {
      if (!this.#isStopped) this.#connect();
    }, this.#backAfterMs);
    this.#backAfterMs = RECONNECT_MS;
  }
}
