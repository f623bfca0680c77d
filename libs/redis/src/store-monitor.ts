import type { Fate, LostJobs } from '@stepcast/hub';
import type { Redis } from 'ioredis';
import { FeedState, type FeedChange, type InterruptionCause } from './feed-state.js';
import { reach } from './errors.js';
import type { Keys } from './keys.js';
import { Scripts } from './scripts.js';
import { StoreProbe } from './store-probe.js';
import { StoreState, type StateChange } from './store-state.js';
import { troubleOf, type TroubleKind } from './trouble.js';

/** What an operator wants to read of Redis: one line each; `describeNews` has the words. */
export type StoreNews =
  | { readonly about: 'store'; readonly change: StateChange }
  | {
      readonly about: 'feed';
      readonly change: FeedChange;
      /** Connections that Redis has cut for reading too slowly, since the last time it was asked. */
      readonly cutOffs?: number;
    }
  | { readonly about: 'memory'; readonly bornAt: number };

/** Watches the two connections of a process and says in what state Redis is. */
export class StoreMonitor implements LostJobs {
  readonly state: StoreState;
  readonly feed: FeedState;
  /** The scripts whose failures are seen here. */
  readonly scripts: Scripts;
  readonly #commands: Redis;
  readonly #probe: StoreProbe;
  readonly #onNews: (news: StoreNews) => void;
  #memoryLosses = 0;
  #cutOffs: number | undefined;
  #isClosed = false;

  constructor(
    parts: { readonly keys: Keys; readonly commands: Redis; readonly subscriber: Redis },
    onNews: (news: StoreNews) => void,
  ) {
    const { commands, keys, subscriber } = parts;
    this.#commands = commands;
    this.#onNews = onNews;
    this.state = new StoreState((change) => {
      this.#tell({ about: 'store', change });
    });
    this.feed = new FeedState((change) => {
      this.#tellOfFeed(change);
    });
    this.scripts = new Scripts(commands, this.failed);
    this.#probe = new StoreProbe({
      ...{ keys, scripts: this.scripts, state: this.state },
      onMemoryLost: (bornAt) => {
        this.#memoryLosses += 1;
        this.#tell({ about: 'memory', bornAt });
      },
    });
    commands.on('error', this.failed);
    // Another server may have taken its place, or the same one has nothing in it any more.
    commands.on('ready', () => {
      this.#probe.reconnected();
    });
    commands.on('close', () => {
      this.#probe.disconnected();
    });
    // Its errors are those of one connection, not of the store. Nothing is missed before it was ready once.
    subscriber.once('ready', () => {
      subscriber.on('close', () => {
        this.interrupted('connection');
      });
    });
  }

  /** How often Redis came back with nothing in it. */
  get memoryLosses(): number {
    return this.#memoryLosses;
  }

  /** {@link LostJobs.fateOf} */
  fateOf(job: string): Fate {
    return this.#probe.fateOf(job);
  }

  /** Resolves when the state is known. */
  async start(): Promise<void> {
    await Promise.all([this.#probe.start(), this.#countCutOffs().catch(() => undefined)]);
  }

  stop(): void {
    this.#isClosed = true;
    this.#probe.stop();
  }

  /**
   * Whether Redis can be used now.
   * @throws {Error} what is wrong, and since when
   */
  async check(): Promise<void> {
    const { trouble } = this.state;
    if (trouble === undefined) {
      await this.#probe.run();
      return;
    }
    const seconds = ((performance.now() - trouble.since) / 1_000).toFixed(1);
    throw new Error(`${DESCRIPTIONS[trouble.kind]} for ${seconds} s: ${trouble.reason}`);
  }

  readonly failed = (error: unknown): void => {
    const trouble = troubleOf(error);
    if (trouble !== undefined && !this.#isClosed) this.state.failed(trouble, performance.now());
  };

  interrupted(cause: InterruptionCause): void {
    if (!this.#isClosed) this.feed.interrupted(cause, performance.now());
  }

  whole(): void {
    this.feed.whole(performance.now());
  }

  /** A probe of the canary came back: this ends a silence, but proves not all subscriptions. */
  heard(): void {
    if (this.feed.cause === 'silence') this.whole();
  }

  #tell(news: StoreNews): void {
    if (!this.#isClosed) this.#onNews(news);
  }

  #tellOfFeed(change: FeedChange): void {
    if (change.kind === 'interrupted') {
      this.#tell({ about: 'feed', change });
      return;
    }
    this.#countCutOffs().then(
      (cutOffs) => {
        this.#tell({ about: 'feed', change, cutOffs });
      },
      () => {
        this.#tell({ about: 'feed', change });
      },
    );
  }

  /** Redis does not tell a connection why it was cut, but it counts. */
  async #countCutOffs(): Promise<number> {
    const stats = await reach(this.#commands.info('stats'));
    const count = Number(/client_output_buffer_limit_disconnections:(\d+)/.exec(stats)?.[1] ?? 0);
    const before = this.#cutOffs ?? count;
    this.#cutOffs = count;
    return Math.max(0, count - before);
  }
}

/** Each begins a sentence and goes on with "for 3 s". */
export const DESCRIPTIONS: Readonly<Record<TroubleKind, string>> = {
  unreachable: 'Redis has not been reached',
  loading: 'Redis has been loading its data',
  readonly: 'Redis has been read-only',
  full: 'Redis has been full',
  refusing: 'Redis has refused writes',
};
