/**
 * Waiting for the end of jobs without polling.
 *
 * - E1 Subscribe, then read the record: an end before the read is read, one after it is heard.
 * - E2 When messages may have been missed, every waiter reads its record again.
 * - E3 One subscription per job, shared by its waiters; the last one to leave ends it. Its feed must be
 *   this object's own, because a feed has one listener per job.
 */
import type { JobRecord, JobRecords, LogFeed } from '@stepcast/hub';
import { isEnded, isTerminalType } from '@stepcast/protocol';

interface Watched {
  readonly subscribed: Promise<void>;
  readonly waiters: Set<() => void>;
}

export class JobEnds {
  readonly #feed: LogFeed;
  readonly #records: JobRecords;
  readonly #watched = new Map<string, Watched>();

  constructor(feed: LogFeed, records: JobRecords) {
    this.#feed = feed;
    this.#records = records;
    feed.onInterrupted(() => {
      for (const job of this.#watched.keys()) this.#wake(job);
    });
  }

  /** Resolves with the ended job, or with undefined when the signal is aborted or the job has vanished. */
  async wait(job: string, signal: AbortSignal): Promise<JobRecord | undefined> {
    let wake = (): void => undefined;
    const waiter = (): void => {
      wake();
    };
    signal.addEventListener('abort', waiter);
    const watched = this.#join(job, waiter);
    try {
      await watched.subscribed;
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const record = await this.#records.get(job);
        if (record === undefined || isEnded(record.status)) return record;
        await woken;
      }
      return undefined;
    } finally {
      signal.removeEventListener('abort', waiter);
      this.#leave(job, watched, waiter);
    }
  }

  #join(job: string, waiter: () => void): Watched {
    let watched = this.#watched.get(job);
    if (watched === undefined) {
      const subscribed = this.#feed.subscribe(job, ({ entries }) => {
        if (entries.some((entry) => isTerminalType(entry.type))) this.#wake(job);
      });
      watched = { subscribed, waiters: new Set() };
      this.#watched.set(job, watched);
    }
    watched.waiters.add(waiter);
    return watched;
  }

  #leave(job: string, watched: Watched, waiter: () => void): void {
    watched.waiters.delete(waiter);
    if (watched.waiters.size > 0 || this.#watched.get(job) !== watched) return;
    this.#watched.delete(job);
    // A failure means that the connection is gone, and the subscription with it.
    this.#feed.unsubscribe(job).catch(() => undefined);
  }

  #wake(job: string): void {
    for (const waiter of this.#watched.get(job)?.waiters ?? []) waiter();
  }
}
