import type { LogEntry } from '../ports/job-log.port.js';
import type { FeedBatch } from '../ports/log-feed.port.js';
import type { MemoryJob } from './memory-job.js';

/** Runs a delivery now, later or never; keep the order of the deliveries of one job. */
export type Deliver = (job: string, run: () => void) => void;

/** What the memory adapters share: the jobs, the clock, and who listens. */
export class MemoryState {
  readonly now: () => number;
  readonly #jobs = new Map<string, MemoryJob>();
  readonly #listeners = new Map<string, (batch: FeedBatch) => void>();
  readonly #deliver: Deliver;
  #tokens = 0;

  constructor(now: () => number, deliver: Deliver) {
    this.now = now;
    this.#deliver = deliver;
  }

  makeToken(): string {
    this.#tokens += 1;
    return `claim-${this.#tokens}`;
  }

  /** Runs one call at once and answers later, as a store behind a network does. */
  step<T>(run: () => T): Promise<T> {
    return new Promise((resolve) => {
      resolve(run());
    });
  }

  /** The job, unless it has expired. */
  job(id: string): MemoryJob | undefined {
    const job = this.#jobs.get(id);
    if (job && job.expiresAt <= this.now()) {
      this.#jobs.delete(id);
      return undefined;
    }
    return job;
  }

  add(job: MemoryJob): void {
    this.#jobs.set(job.origin.id, job);
  }

  remove(id: string): void {
    this.#jobs.delete(id);
  }

  /** Ids in ascending order, which for UUIDv7 is the order of creation. */
  ids(): string[] {
    return [...this.#jobs.keys()].filter((id) => this.job(id)).sort();
  }

  publish(job: MemoryJob, entries: readonly LogEntry[]): void {
    const { id } = job.origin;
    const batch: FeedBatch = { epoch: job.epoch, entries };
    const listener = this.#listeners.get(id);
    if (!listener) return;
    this.#deliver(id, () => {
      // What comes in after the end of a subscription is dropped, as on a socket.
      if (this.#listeners.get(id) === listener) listener(batch);
    });
  }

  listen(job: string, listener: (batch: FeedBatch) => void): void {
    this.#listeners.set(job, listener);
  }

  ignore(job: string): void {
    this.#listeners.delete(job);
  }
}
