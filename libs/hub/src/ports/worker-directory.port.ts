/** Which workers live, what they run, and how long their jobs take. Entries expire by themselves. */
export const WORKER_DIRECTORY = Symbol('WorkerDirectory');

export interface WorkerEntry {
  readonly id: string;
  /** The models that it runs, each with the device that is really used. */
  readonly models: Readonly<Record<string, { readonly device: string }>>;
  readonly slots: number;
  readonly busy: number;
}

export interface WorkerDirectory {
  /** Says that a worker lives; forgotten after `lifetimeMs` unless said again. */
  announce(entry: WorkerEntry, lifetimeMs: number): Promise<void>;

  withdraw(worker: string): Promise<void>;

  list(): Promise<WorkerEntry[]>;

  /** Adds the duration of a completed job to the moving average of its model. */
  recordDuration(model: string, durationMs: number): Promise<void>;

  /** Average duration of the recent completed jobs of a model; undefined before the first. */
  averageDurationMs(model: string): Promise<number | undefined>;
}
