import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { HolderLeases, JOB_RECORDS, LEASES, type JobRecords, type Leases } from '@stepcast/hub';
import { JobService, JobsModule, systemClock } from '@stepcast/jobs';
import { LOGGER, Shutdown, type Logger } from '@stepcast/platform';
import { StepcastError } from '@stepcast/protocol';
import { REDIS_CONFIG, RedisModule, type RedisConfig } from '@stepcast/redis';
import { ApiHealthService, SweeperService } from './api-lifecycle.service.js';
import { JobEnds } from './jobs/job-ends.js';
import { JobLogService } from './jobs/job-log.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { RunService } from './jobs/run-service.js';
import { RunsController } from './jobs/runs.controller.js';
import { RunsLifecycleService } from './jobs/runs-lifecycle.service.js';
import { ModelsController } from './models/models.controller.js';
import { ModelsService } from './models/models.service.js';
import { RunFeed } from './run-feed.js';

/** REST: models, jobs, and the documentation of everything that the hub serves. */
@Module({
  imports: [RedisModule, JobsModule],
  controllers: [JobsController, RunsController, ModelsController],
  providers: [
    ApiHealthService,
    SweeperService,
    JobLogService,
    ModelsService,
    RunsLifecycleService,
    {
      provide: RunFeed,
      inject: [REDIS_CONFIG],
      useFactory: (config: RedisConfig) => new RunFeed(config),
    },
    {
      provide: JobEnds,
      inject: [RunFeed, JOB_RECORDS],
      useFactory: (feed: RunFeed, records: JobRecords) =>
        new JobEnds({ feed: feed.feed, records, clock: systemClock }),
    },
    {
      provide: HolderLeases,
      inject: [LEASES, LOGGER],
      useFactory: (leases: Leases, logger: Logger) =>
        new HolderLeases({
          gateway: `run-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
          leases,
          clock: systemClock,
          onError: (err) => {
            // Every two seconds while Redis is away; the store says so once.
            const isAway = StepcastError.from(err).code === 'unavailable';
            logger[isAway ? 'debug' : 'warn']({ err }, 'leases of run calls were not refreshed');
          },
        }),
    },
    {
      provide: RunService,
      inject: [JobService, JobEnds, HolderLeases, LEASES, Shutdown],
      useFactory: (
        jobs: JobService,
        ends: JobEnds,
        holders: HolderLeases,
        leases: Leases,
        shutdown: Shutdown,
      ) => new RunService({ jobs, ends, holders, leases, draining: shutdown.signal }),
    },
  ],
})
export class ApiModule {}
