import type { Fate } from '@stepcast/hub';
import type { Keys } from './keys.js';
import { RedisLife } from './redis-life.js';
import type { Scripts } from './scripts.js';
import type { StoreState } from './store-state.js';

/** How often a process that is well proves it. */
const PERIOD_MS = 5_000;
/** How often one that is in trouble looks whether it is over. */
const TROUBLED_PERIOD_MS = 1_000;
/** As long as the indices of jobs live: 13 weeks after the last process has gone. */
const LIFE_MS = 13 * 7 * 24 * 3_600_000;

export interface StoreProbeParts {
  readonly keys: Keys;
  readonly scripts: Scripts;
  readonly state: StoreState;
  /** The memory of Redis goes back less far than it did: it came back empty, or was flushed. */
  readonly onMemoryLost: (bornAt: number) => void;
}

/**
 * Writes one small key now and then: only a write shows that Redis is neither full nor a replica. The key
 * holds the moment at which the memory of this Redis began, so that a loss of everything is noticed, and a
 * job from before it is known to be lost rather than never to have been.
 */
export class StoreProbe {
  readonly #parts: StoreProbeParts;
  #timer: NodeJS.Timeout | undefined;
  readonly #life = new RedisLife();
  #probedAt = -Infinity;
  #running: Promise<void> | undefined;

  constructor(parts: StoreProbeParts) {
    this.#parts = parts;
  }

  /** {@link RedisLife.fateOf} */
  fateOf(job: string): Fate {
    return this.#life.fateOf(job, performance.now());
  }

  /** Resolves after the first look, whatever it found: a process may start while Redis is full. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, TROUBLED_PERIOD_MS).unref();
    await this.run().catch(() => undefined);
  }

  disconnected(): void {
    if (this.#timer !== undefined) this.#life.disconnected(performance.now());
  }

  /** Looks at once. */
  reconnected(): void {
    // The first connection is not a reconnection, and probes begin with `start`.
    if (this.#timer === undefined) return;
    this.#life.reconnected(performance.now());
    this.run().catch(() => undefined);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Writes now, or joins the write that is on its way.
   * @throws {StepcastError} `unavailable`
   */
  run(): Promise<void> {
    this.#running ??= this.#probe().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #tick(): void {
    const isDue = performance.now() - this.#probedAt >= PERIOD_MS;
    if (!isDue && this.#parts.state.trouble === undefined) return;
    // What it throws has been told to the state.
    this.run().catch(() => undefined);
  }

  async #probe(): Promise<void> {
    const { keys, scripts, state, onMemoryLost } = this.#parts;
    this.#probedAt = performance.now();
    const before = this.#life.bornAt;
    const reply = await scripts.run('probe', [keys.life], [LIFE_MS, before ?? '']);
    const [bornAt, lost, at, server, seconds] = reply as [number, number, number, string, number];
    const here = performance.now();
    const beganAt = at - seconds * 1_000;
    this.#life.answered({ at, bornAt, hasLost: lost === 1, server, beganAt }, here);
    state.worked(here);
    if (before !== undefined && bornAt > before) onMemoryLost(bornAt);
  }
}
