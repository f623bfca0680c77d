export { Channel, type ChannelOptions } from './channel.js';
export type { Clock } from './clock.js';
export { Fold, MAX_LOG_LINES, appendData, type FoldOf, type JobState } from './fold.js';
export {
  JOB_LOG,
  type AppendResult,
  type Attempt,
  type Batch,
  type Checkpoint,
  type CheckpointResult,
  type CheckResult,
  type Claim,
  type ClaimOptions,
  type JobLogReader,
  type JobLogWriter,
  type JobRecord,
  type LogEntry,
  type LogHead,
  type LogPage,
  type NewEvent,
  type NewJob,
  type Progress,
  type Restore,
  type ResumePoint,
  type Snapshot,
  type StopOrder,
  type StoredSnapshot,
} from './ports/job-log.port.js';
export {
  JOB_RECORDS,
  type CancelResult,
  type JobPage,
  type JobQuery,
  type JobRecords,
} from './ports/job-records.port.js';
export { LEASES, type Leases } from './ports/leases.port.js';
export { LOG_FEED, type FeedBatch, type LogFeed } from './ports/log-feed.port.js';
export { LOST_JOBS, missingJob, type Fate, type LostJobs } from './ports/lost-jobs.port.js';
export {
  WORKER_DIRECTORY,
  type WorkerDirectory,
  type WorkerEntry,
} from './ports/worker-directory.port.js';
export { WORKER_SIGNALS, type WorkerSignals } from './ports/worker-signals.port.js';
export {
  HolderLeases,
  LEASE_LIFETIME_MS,
  LEASE_REFRESH_MS,
  drainLeaseMs,
  type HolderLeasesOptions,
} from './holder-leases.js';
export { AUDIT_MS } from './channel-audits.js';
export {
  Hub,
  LINGER_MS,
  MAX_MEMORY_BYTES,
  type HubOptions,
  type Watch,
  type WatchOptions,
} from './hub.js';
export type { HubObserver } from './hub-observer.js';
export { LogFollower, type FollowerOptions, type FollowerSink } from './log-follower.js';
export { assemble, type Base } from './log-page.js';
export type { Encoder, Transport } from './transport.port.js';
export { Viewer } from './viewer.js';
export type { Deliver } from './memory/memory-state.js';
export { MemoryStore, type MemoryStoreOptions } from './memory/memory-store.js';
