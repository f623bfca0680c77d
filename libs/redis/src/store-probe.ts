import type { Fate } from '@stepcast/hub';
import type { Keys } from './keys.js';
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

/** How long workers may take to bring their jobs back; as long as a gateway waits before it gives up one. */
const COMING_BACK_MS = 15_000;

/** Since when the memory of Redis goes back, as its last answer told. */
interface Life {
  /** Milliseconds since 1970 by the clock of Redis. */
  readonly bornAt: number;
  /** Whether there was a memory before. */
  readonly hasLost: boolean;
  /** The same moment by `performance.now()`. */
  readonly bornHere: number;
}

/**
 * Writes one small key now and then: only a write shows that Redis is neither full nor a replica. The key
 * holds the moment at which the memory of this Redis began, so that a loss of everything is noticed, and a
 * job from before it is known to be lost rather than never to have been.
 */
export class StoreProbe {
  readonly #parts: StoreProbeParts;
  #timer: NodeJS.Timeout | undefined;
  #life: Life | undefined;
  #probedAt = -Infinity;
  #running: Promise<void> | undefined;

  constructor(parts: StoreProbeParts) {
    this.#parts = parts;
  }

  /** What has become of a job of which Redis knows nothing; ids are made by the clocks of the APIs. */
  fateOf(job: string): Fate {
    const life = this.#life;
    if (life?.hasLost !== true || madeAt(job) >= life.bornAt) return 'unknown';
    return performance.now() - life.bornHere < COMING_BACK_MS ? 'coming back' : 'lost';
  }

  /** Resolves after the first look, whatever it found: a process may start while Redis is full. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, TROUBLED_PERIOD_MS).unref();
    await this.run().catch(() => undefined);
  }

  /** Looks at once. */
  reconnected(): void {
    // The first connection is not a reconnection, and probes begin with `start`.
    if (this.#timer === undefined) return;
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
    const before = this.#life?.bornAt;
    const args = [LIFE_MS, before ?? ''];
    const reply = (await scripts.run('probe', [keys.life], args)) as [number, number, number];
    const [bornAt, hasLost, at] = reply;
    const here = performance.now();
    this.#life = { bornAt, hasLost: hasLost === 1, bornHere: here - (at - bornAt) };
    state.worked(here);
    if (before !== undefined && bornAt > before) onMemoryLost(bornAt);
  }
}

/** When an id was made, in milliseconds since 1970: a UUIDv7 begins with it. */
function madeAt(job: string): number {
  const isTimed = /^[0-9a-f]{8}-[0-9a-f]{4}-7/i.test(job);
  return isTimed ? Number.parseInt(job.slice(0, 8) + job.slice(9, 13), 16) : Infinity;
}
