import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import {
  JOB_LOG,
  JOB_RECORDS,
  WORKER_DIRECTORY,
  WORKER_SIGNALS,
  type JobLogReader,
  type JobLogWriter,
  type JobRecords,
  type WorkerDirectory,
  type WorkerSignals,
} from '@stepcast/hub';
import { JobsModule, type JobsConfig, type ModelsConfig } from '@stepcast/jobs';
import { ModelRegistry } from '@stepcast/models';
import { LOGGER, METRICS, type Logger } from '@stepcast/platform';
import { RedisModule } from '@stepcast/redis';
import type { Registry } from 'prom-client';
import { createWorker } from './create-worker.js';
import { JobWorker } from './job-worker.js';
import { WorkerHealthService } from './worker-health.service.js';
import { WorkerLifecycle } from './worker-lifecycle.service.js';
import { WORKER_CONFIG, type WorkerConfig } from './worker.config.js';

const HOST_FILE = fileURLToPath(new URL('./host/host.main.js', import.meta.url));

/** Takes jobs from their queues and runs them on warm model hosts. */
@Module({
  imports: [RedisModule, JobsModule],
  providers: [
    {
      provide: JobWorker,
      inject: [
        WORKER_CONFIG,
        JOB_LOG,
        JOB_RECORDS,
        WORKER_DIRECTORY,
        WORKER_SIGNALS,
        ModelRegistry,
        METRICS,
        LOGGER,
      ],
      useFactory: (...parts: Injected) => {
        const [config, log, records, directory, signals, registry, metrics, logger] = parts;
        const id = `worker-${randomBytes(4).toString('hex')}`;
        return createWorker({
          ...{ id, config, log, records, directory, signals, registry, metrics },
          logger: logger.child({ worker: id }),
          hostFile: HOST_FILE,
        });
      },
    },
    WorkerHealthService,
    WorkerLifecycle,
  ],
})
export class WorkerModule {}

type Injected = [
  WorkerConfig & JobsConfig & ModelsConfig,
  JobLogReader & JobLogWriter,
  JobRecords,
  WorkerDirectory,
  WorkerSignals,
  ModelRegistry,
  Registry,
  Logger,
];
