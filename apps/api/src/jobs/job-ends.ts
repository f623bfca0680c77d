/**
 * Waiting for the end of jobs without polling.
 *
 * - E1 Subscribe, then read the record: an end before the read is read, one after it is heard.
 * - E2 When messages may have been missed, every waiter reads its record again; and every {@link AUDIT_MS}
 *   in any case, because pub/sub may lose a message without a word. So the feed needs no canary.
 * - E3 One subscription per job, shared by its waiters; the last one to leave ends it. Its feed must be
 *   this object's own, because a feed has one listener per job.
 * - E4 A record that is gone is waited for: a Redis that came back empty gets the jobs back that run. A
 *   store that cannot be read is waited for, too.
 */
import type { Clock, JobRecord, JobRecords, LogFeed } from '@stepcast/hub';
import { StepcastError, isEnded, isTerminalType } from '@stepcast/protocol';

interface Watched {
  readonly subscribed: Promise<void>;
  readonly waiters: Set<() => void>;
}

export interface JobEndsParts {
  readonly feed: LogFeed;
  readonly records: JobRecords;
  readonly clock: Clock;
}

/** How often a waiter looks at its record although it heard nothing: the bound for a message that is lost. */
const AUDIT_MS = 3_000;

/** How long a record may be gone before its job is given up: as long as in a gateway. */
const MAX_MISSING_MS = 15_000;

export class JobEnds {
  readonly #feed: LogFeed;
  readonly #records: JobRecords;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();
  #isAuditDue = false;

  constructor({ feed, records, clock }: JobEndsParts) {
    this.#feed = feed;
    this.#records = records;
    this.#clock = clock;
    feed.onInterrupted(() => {
      this.#wakeAll();
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
      let missingSince: number | undefined;
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const record = await this.#read(job);
        const now = this.#clock.now();
        missingSince = record === 'missing' ? (missingSince ?? now) : undefined;
        if (missingSince !== undefined && now - missingSince >= MAX_MISSING_MS) return undefined;
        if (typeof record === 'object' && isEnded(record.status)) return record;
        await woken;
      }
      return undefined;
    } finally {
      signal.removeEventListener('abort', waiter);
      this.#leave(job, watched, waiter);
    }
  }

  async #read(job: string): Promise<JobRecord | 'missing' | 'unavailable'> {
    try {
      return (await this.#records.get(job)) ?? 'missing';
    } catch (error) {
      if (StepcastError.from(error).code === 'unavailable') return 'unavailable';
      throw error;
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
    this.#scheduleAudit();
    return watched;
  }

  #leave(job: string, watched: Watched, waiter: () => void): void {
    watched.waiters.delete(waiter);
    if (watched.waiters.size > 0 || this.#watched.get(job) !== watched) return;
    this.#watched.delete(job);
    // A failure means that the connection is gone, and the subscription with it.
    this.#feed.unsubscribe(job).catch(() => undefined);
  }

  #scheduleAudit(): void {
    if (this.#isAuditDue) return;
    this.#isAuditDue = true;
    this.#clock.after(AUDIT_MS, () => {
      this.#isAuditDue = false;
      if (this.#watched.size === 0) return;
      this.#wakeAll();
      this.#scheduleAudit();
    });
  }

  #wakeAll(): void {
    for (const job of this.#watched.keys()) this.#wake(job);
  }

  #wake(job: string): void {
    for (const waiter of this.#watched.get(job)?.waiters ?? []) waiter();
  }
}
