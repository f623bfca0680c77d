/** A job as its queue lends it to a worker: locked, until one of the endings is called. */
export interface QueueTicket {
  readonly job: string;
  readonly model: string;
  /** Whether the queue would run the job again after a failure. */
  readonly hasAttemptsLeft: boolean;
  /** Why the queue wants the job to fail instead of being run: too many workers have died of it. */
  readonly deferredFailure: string | undefined;
  /**
   * Called once if the lock is lost. Another worker may have the job already, or the queue has lost its
   * memory: the log of the job knows.
   */
  onLost(listener: () => void): void;
  /** Ended, whatever the result was. */
  complete(): Promise<void>;
  /** Failed, to be tried again later. */
  retry(reason: string): Promise<void>;
  /** Failed for good. */
  fail(reason: string): Promise<void>;
  /** Not run to its end here: the next free worker takes it. Not counted as a failure. */
  giveBack(): Promise<void>;
  /** Forgets the job without a word to the queue, which finds out by the lock. */
  drop(): void;
}

/** Where jobs of one model come from. */
export interface JobSource {
  readonly model: string;
  /** The next waiting job, or undefined at once. */
  next(): Promise<QueueTicket | undefined>;
  /** Whether a job waits, as far as the queue can be asked. */
  hasWaiting(): Promise<boolean>;
  close(): Promise<void>;
}
