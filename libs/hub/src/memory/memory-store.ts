import { MemoryJobLog } from './memory-job-log.js';
import { MemoryJobLogReader } from './memory-job-log-reader.js';
import { MemoryJobRecords } from './memory-job-records.js';
import { MemoryLeases } from './memory-leases.js';
import { MemoryLogFeed } from './memory-log-feed.js';
import { MemoryState, type Deliver } from './memory-state.js';
import { MemoryWorkerDirectory } from './memory-worker-directory.js';
import { MemoryWorkerSignals } from './memory-worker-signals.js';

export interface MemoryStoreOptions {
  /** The clock of the store, in milliseconds. */
  readonly now: () => number;
  /** When a published batch arrives, or whether; default: in a microtask. */
  readonly deliver?: Deliver;
  /** When a subscription begins to count; default: in a microtask. */
  readonly confirm?: Deliver;
}

const inMicrotask: Deliver = (_job, run) => {
  queueMicrotask(run);
};

/**
 * The adapters of every port over one state in memory: for tests, and as the reference of what a store
 * must do. Each call takes effect when it is made, whole, and answers in a microtask.
 */
export class MemoryStore {
  readonly writer: MemoryJobLog;
  readonly reader: MemoryJobLogReader;
  readonly records: MemoryJobRecords;
  readonly leases: MemoryLeases;
  readonly feed: MemoryLogFeed;
  readonly signals = new MemoryWorkerSignals();
  readonly directory: MemoryWorkerDirectory;
  readonly #state: MemoryState;

  constructor(options: MemoryStoreOptions) {
    const state = new MemoryState(options.now, options.deliver ?? inMicrotask);
    this.#state = state;
    this.writer = new MemoryJobLog(state);
    this.reader = new MemoryJobLogReader(state);
    this.records = new MemoryJobRecords(state);
    this.leases = new MemoryLeases(state);
    this.feed = new MemoryLogFeed(state, options.confirm ?? inMicrotask);
    this.directory = new MemoryWorkerDirectory(options.now);
  }

  /** A fault for tests: everything of a job is gone. */
  loseJob(job: string): void {
    this.#state.remove(job);
  }

  /** A fault for tests: the events of a job are gone, its record is not. */
  loseLog(name: string): void {
    const job = this.#state.job(name);
    if (job) job.log = undefined;
  }

  /** When the store forgets a job; undefined if it has. */
  expiryOf(job: string): number | undefined {
    return this.#state.job(job)?.expiresAt;
  }
}
