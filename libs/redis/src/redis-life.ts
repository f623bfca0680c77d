import type { Fate } from '@stepcast/hub';

/** How long workers may take to bring their jobs back; as long as a gateway waits before it gives up one. */
const COMING_BACK_MS = 15_000;

/** How long a reconnect leaves open what Redis has lost, if no probe of it is answered. */
const UNCERTAIN_MS = 15_000;

/**
 * A server that began anew may lack what was written shortly before the old one died. When that was cannot
 * be known: a minute covers the last second before the death, and the time until somebody restarts it.
 */
const LOST_TAIL_MS = 60_000;

/** What one probe is told; times in milliseconds since 1970 by the clock of Redis. */
export interface ProbeAnswer {
  readonly at: number;
  /** Since when the memory goes back. */
  readonly bornAt: number;
  /** Whether there was a memory before. */
  readonly hasLost: boolean;
  /** Identity of the server: another one after a restart or a failover. */
  readonly server: string;
  /** Since when that server runs. */
  readonly beganAt: number;
}

/**
 * What can be known of jobs of which Redis knows nothing: it came back empty, or without its newest writes,
 * or they never were. Nothing is kept of what was lost, because an id tells when it was made.
 */
export class RedisLife {
  #newest: ProbeAnswer | undefined;
  /** Of the clock of Redis, to `performance.now()`. */
  #offset = 0;
  /** When the connection was lost, until a probe behind that is answered: it may be another Redis now. */
  #lostAt: number | undefined;

  get bornAt(): number | undefined {
    return this.#newest?.bornAt;
  }

  /** @param here `performance.now()` */
  answered(answer: ProbeAnswer, here: number): void {
    const before = this.#newest;
    const isOther = before !== undefined && before.server !== answer.server;
    // One that took over has run for long, but begins to answer now.
    const beganAt = isOther ? answer.at : (before?.beganAt ?? answer.beganAt);
    this.#newest = { ...answer, beganAt };
    this.#offset = here - answer.at;
    this.#lostAt = undefined;
  }

  /** Calls that wait for the next connection are answered before any probe can be. */
  disconnected(here: number): void {
    this.#lostAt = here;
  }

  reconnected(here: number): void {
    if (this.#lostAt !== undefined) this.#lostAt = here;
  }

  /** What has become of a job of which Redis knows nothing; ids are made by the clocks of the APIs. */
  fateOf(job: string, here: number): Fate {
    const madeAt = timeOf(job);
    if (madeAt === undefined) return 'unknown';
    if (this.#lostAt !== undefined && here - this.#lostAt < UNCERTAIN_MS) return 'coming back';
    if (this.#newest === undefined) return 'unknown';
    const { bornAt, hasLost, beganAt } = this.#newest;
    const isNew = (since: number): boolean => here - this.#offset - since < COMING_BACK_MS;
    if (hasLost && madeAt < bornAt) return isNew(bornAt) ? 'coming back' : 'lost';
    const isOfTail = madeAt < beganAt && madeAt >= beganAt - LOST_TAIL_MS;
    return isOfTail && isNew(beganAt) ? 'coming back' : 'unknown';
  }
}

/** When an id was made, in milliseconds since 1970: a UUIDv7 begins with it. */
function timeOf(job: string): number | undefined {
  const isTimed = /^[0-9a-f]{8}-[0-9a-f]{4}-7/i.test(job);
  return isTimed ? Number.parseInt(job.slice(0, 8) + job.slice(9, 13), 16) : undefined;
}
