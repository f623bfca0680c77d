import type { LogEntry } from './job-log.port.js';

/** New events as they are appended: at-most-once, in order; gaps are the channel's to heal. */
export const LOG_FEED = Symbol('LogFeed');

/** One published batch. */
export interface FeedBatch {
  readonly epoch: string;
  /** Contiguous and ascending; 1 or more. */
  readonly entries: readonly LogEntry[];
}

export interface LogFeed {
  /**
   * Resolves once the store has confirmed the subscription: every batch appended after that moment
   * reaches `listener`, unless the connection fails. One subscription per job and process.
   */
  subscribe(job: string, listener: (batch: FeedBatch) => void): Promise<void>;

  unsubscribe(job: string): Promise<void>;

  /** Called whenever messages may have been missed (the connection came back). */
  onInterrupted(listener: () => void): void;
}
