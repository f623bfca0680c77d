/**
 * Hints between processes, at-most-once: each only makes something happen sooner that a timer would
 * find out anyway.
 */
export const WORKER_SIGNALS = Symbol('WorkerSignals');

export interface WorkerSignals {
  /** Something about this job of this worker has changed: look at it now. */
  nudge(worker: string, job: string): Promise<void>;

  /** Receives the nudges for one worker. */
  onNudge(worker: string, listener: (job: string) => void): Promise<void>;

  /** A job of this model was added to its queue. */
  wake(model: string): Promise<void>;

  /** Receives every wake. */
  onWake(listener: (model: string) => void): Promise<void>;
}
