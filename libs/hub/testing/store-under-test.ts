import type {
  JobLogReader,
  JobLogWriter,
  JobRecords,
  Leases,
  LogFeed,
  WorkerDirectory,
  WorkerSignals,
} from '../src/index.js';

/** The adapters of one store, with what a contract suite needs beside the ports. */
export interface StoreUnderTest {
  readonly writer: JobLogWriter;
  readonly reader: JobLogReader;
  readonly records: JobRecords;
  readonly leases: Leases;
  readonly feed: LogFeed;
  readonly signals: WorkerSignals;
  readonly directory: WorkerDirectory;

  /** Returns when the clock of the store has gone on by so much. */
  elapse(ms: number): Promise<void>;

  /** Fault: the record of a job is gone. */
  loseRecord(job: string): Promise<void>;

  /** Fault: the events of a job are gone, its record is not. */
  loseLog(job: string): Promise<void>;

  /** Remaining life in milliseconds of each thing that is kept of a job; negative = for ever. */
  lives(job: string): Promise<number[]>;

  dispose(): Promise<void>;
}

export type MakeStore = () => Promise<StoreUnderTest>;
