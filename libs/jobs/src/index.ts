export { excuseStalled, type StalledExcuse } from './excuse-stalled.js';
export { FaultSpell, type FaultSpellHooks } from './fault-spell.js';
export { JobQueues, type QueuedJob } from './job-queues.js';
export {
  JobService,
  type JobServiceParts,
  type Submission,
  type Submitted,
} from './job-service.js';
export { toJob } from './job-view.js';
export { JOBS_CONFIG, jobsConfigSchema, jobsSlice, type JobsConfig } from './jobs.config.js';
export { MODELS_CONFIG, modelsSlice, type ModelsConfig } from './models.config.js';
export { JobsModule } from './jobs.module.js';
export { createQueueConnection, type QueueConnectionOptions } from './queue-connection.js';
export { QueueMonitor } from './queue-monitor.js';
export { QueueEstimates } from './queue-estimates.js';
export {
  RETRY_BACKOFF,
  queueName,
  queuePrefix,
  queuePriority,
  retryDelayMs,
} from './queue-naming.js';
export { parseRequestOptions } from './request-options.js';
export { Sweeper, type SweeperParts } from './sweeper.js';
export { systemClock } from './system-clock.js';
export { retakeLock, type LostLock } from './retake-lock.js';
