import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Module } from '@nestjs/common';
import {
  HolderLeases,
  Hub,
  JOB_LOG,
  JOB_RECORDS,
  LEASES,
  LOG_FEED,
  WORKER_SIGNALS,
  type Clock,
  type JobLogReader,
  type JobRecords,
  type Leases,
  type LogFeed,
  type WorkerSignals,
} from '@stepcast/hub';
import { JobService, JobsModule, systemClock } from '@stepcast/jobs';
import { HTTP_CONFIG, LOGGER, type HttpConfig, type Logger } from '@stepcast/platform';
import { RedisModule } from '@stepcast/redis';
import { GATEWAY_CONFIG, type GatewayConfig } from './gateway.config.js';
import { GATEWAY_CORE, type GatewayCore } from './gateway-core.js';
import { GatewayHealthService } from './gateway-health.service.js';
import { GatewayLifecycleService } from './gateway-lifecycle.service.js';
import { GatewayMetricsService } from './gateway-metrics.service.js';
import { StreamsController } from './http/streams.controller.js';
import { GraceWatch } from './interest.js';
import { OpenConnections } from './open-connections.js';
import { PageService } from './page.service.js';
import { Turn } from './turn.js';
import { WsService } from './ws/ws.service.js';

const CLOCK = Symbol('Clock');
const ON_ERROR = Symbol('OnError');

type OnError = (error: unknown) => void;

@Module({
  imports: [RedisModule, JobsModule],
  controllers: [StreamsController],
  providers: [
    WsService,
    PageService,
    GatewayHealthService,
    GatewayLifecycleService,
    GatewayMetricsService,
    { provide: CLOCK, useValue: systemClock },
    {
      provide: ON_ERROR,
      inject: [LOGGER],
      useFactory:
        (logger: Logger): OnError =>
        (error) => {
          logger.warn({ err: error }, 'the gateway goes on after an error');
        },
    },
    { provide: Turn, inject: [ON_ERROR], useFactory: (onError: OnError) => new Turn(onError) },
    {
      provide: OpenConnections,
      inject: [GATEWAY_CONFIG],
      useFactory: (config: GatewayConfig) =>
        new OpenConnections({
          maxConnections: config.MAX_CONNECTIONS,
          heartbeatMs: config.HEARTBEAT_MS,
        }),
    },
    {
      provide: HolderLeases,
      inject: [LEASES, CLOCK, ON_ERROR],
      useFactory: (leases: Leases, clock: Clock, onError: OnError) =>
        new HolderLeases({
          gateway: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
          leases,
          clock,
          onError,
        }),
    },
    {
      provide: GraceWatch,
      inject: [JOB_RECORDS, WORKER_SIGNALS, CLOCK, ON_ERROR],
      useFactory: (records: JobRecords, signals: WorkerSignals, clock: Clock, onError: OnError) =>
        new GraceWatch({ records, signals, clock, onError }),
    },
    {
      provide: Hub,
      inject: [JOB_LOG, LOG_FEED, HolderLeases, GraceWatch, Turn, CLOCK, ON_ERROR],
      // One parameter per token, in the order of `inject`.
      // eslint-disable-next-line max-params
      useFactory: (
        reader: JobLogReader,
        feed: LogFeed,
        holders: HolderLeases,
        grace: GraceWatch,
        turn: Turn,
        clock: Clock,
        onError: OnError,
      ) =>
        new Hub({ reader, feed, holders, clock, defer: turn.defer, onIdle: grace.begin, onError }),
    },
    {
      provide: GATEWAY_CORE,
      inject: [Hub, JobService, Turn, OpenConnections, HTTP_CONFIG, ON_ERROR],
      // eslint-disable-next-line max-params -- one parameter per token
      useFactory: (
        hub: Hub,
        jobs: JobService,
        turn: Turn,
        connections: OpenConnections,
        http: HttpConfig,
        onError: OnError,
      ): GatewayCore => ({ hub, jobs, turn, connections, http, onError }),
    },
  ],
})
export class GatewayModule {}
