import {
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import {
  JOB_RECORDS,
  LOST_JOBS,
  WORKER_DIRECTORY,
  WORKER_SIGNALS,
  type JobRecords,
  type LostJobs,
  type WorkerDirectory,
  type WorkerSignals,
} from '@stepcast/hub';
import {
  loadRegistry,
  ModelRegistry,
  watchModels,
  type BrokenModel,
  type ModelsWatch,
  type RegistryChange,
} from '@stepcast/models';
import { StepcastError } from '@stepcast/protocol';
import type { FaultSpellHooks } from './fault-spell.js';
import { JobQueues } from './job-queues.js';
import { JobService } from './job-service.js';
import { JOBS_CONFIG, type JobsConfig } from './jobs.config.js';
import { isWatching, MODELS_CONFIG, type ModelsConfig } from './models.config.js';
import { createQueueConnection } from './queue-connection.js';
import { QueueBound } from './queue-bound.js';
import { QueueEstimates } from './queue-estimates.js';
import { queuePrefix } from './queue-naming.js';
import { Sweeper } from './sweeper.js';
import { systemClock } from './system-clock.js';

const logger = new Logger('Jobs');
const logHint = (error: unknown) => {
  logger.warn(`a hint was not delivered: ${String(error)}`);
};
const logSpell: FaultSpellHooks = {
  began: (error) => {
    logger.warn(`the queues cannot be used: ${String(error)}`);
  },
  ended: ({ durationMs, failures }) => {
    logger.log(`the queues can be used again: ${failures} failures in ${durationMs} ms`);
  },
};
const logSweep = (error: unknown) => {
  // Every second while Redis is away; the store says so once.
  if (StepcastError.from(error).code === 'unavailable') logger.debug(String(error));
  else logger.error(error);
};

/**
 * Queues, {@link JobService} and the model registry. Its ports come from a global module (`RedisModule`),
 * its configuration from `jobsSlice`, `modelsSlice` and the slice
 * of the store.
 */
@Module({
  providers: [
    {
      provide: JobQueues,
      inject: [JOBS_CONFIG],
      useFactory: (config: JobsConfig) =>
        new JobQueues(
          createQueueConnection(config.REDIS_URL, { blocking: false }),
          queuePrefix(config.KEY_PREFIX),
          logSpell,
        ),
    },
    {
      provide: QueueEstimates,
      inject: [JobQueues, WORKER_DIRECTORY],
      useFactory: (queues: JobQueues, directory: WorkerDirectory) =>
        new QueueEstimates(queues, directory),
    },
    {
      provide: ModelRegistry,
      inject: [MODELS_CONFIG],
      useFactory: async (config: ModelsConfig) => {
        const registry = await loadRegistry(config.MODELS_DIR);
        logBroken(registry.broken);
        return registry;
      },
    },
    {
      provide: JobService,
      inject: [
        JOB_RECORDS,
        WORKER_SIGNALS,
        JobQueues,
        QueueEstimates,
        ModelRegistry,
        LOST_JOBS,
        JOBS_CONFIG,
      ],
      useFactory: (...parts: ServiceParts) => createJobService(parts),
    },
    {
      provide: Sweeper,
      inject: [JOB_RECORDS, JobQueues, WORKER_DIRECTORY, JOBS_CONFIG],
      useFactory: (
        records: JobRecords,
        queues: JobQueues,
        directory: WorkerDirectory,
        config: JobsConfig,
      ) =>
        new Sweeper({
          records,
          queues,
          directory,
          clock: systemClock,
          workerLostMs: config.WORKER_LOST_MS,
          onError: logSweep,
        }),
    },
  ],
  exports: [JobQueues, JobService, ModelRegistry, Sweeper],
})
export class JobsModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private watch: ModelsWatch | undefined;

  constructor(
    @Inject(JobQueues) private readonly queues: JobQueues,
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
    @Inject(MODELS_CONFIG) private readonly config: ModelsConfig,
  ) {}

  onApplicationBootstrap(): void {
    if (isWatching(this.config)) this.watch = watchFolders(this.config.MODELS_DIR, this.registry);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.watch?.close();
    await this.queues.close();
  }
}

function watchFolders(directory: string, registry: ModelRegistry): ModelsWatch {
  return watchModels({
    directory,
    registry,
    onReloaded: (change) => {
      logChange(change);
      logBroken(registry.broken);
    },
    onError: (error) => {
      logger.error(`the models cannot be loaded anew: ${String(error)}`);
    },
  });
}

function logChange({ added, changed, removed }: RegistryChange): void {
  const parts = Object.entries({ added, changed, removed }).filter(([, names]) => names.length > 0);
  if (parts.length === 0) return;
  logger.log(
    `models loaded anew: ${parts.map(([what, names]) => `${what} ${names.join(', ')}`).join('; ')}`,
  );
}

function logBroken(broken: readonly BrokenModel[]): void {
  for (const { folder, reason } of broken) {
    logger.error(`the model folder ${folder} is broken: ${reason}`);
  }
}

type ServiceParts = [
  JobRecords,
  WorkerSignals,
  JobQueues,
  QueueEstimates,
  ModelRegistry,
  LostJobs,
  JobsConfig,
];

function createJobService(parts: ServiceParts): JobService {
  const [records, signals, queues, estimates, registry, lost, config] = parts;
  return new JobService({
    records,
    signals,
    queues,
    estimates,
    bound: new QueueBound(queues, config.MAX_QUEUED_JOBS),
    registry,
    lost,
    idempotencyTtlMs: config.IDEMPOTENCY_TTL_MS,
    onHintFailed: logHint,
  });
}
