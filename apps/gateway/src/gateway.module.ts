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
  LOST_JOBS,
  WORKER_SIGNALS,
  type Clock,
  type HubOptions,
  type JobLogReader,
  type JobRecords,
  type Leases,
  type LogFeed,
  type LostJobs,
  type WorkerSignals,
} from '@stepcast/hub';
import { JobService, JobsModule, systemClock } from '@stepcast/jobs';
import { ModelRegistry } from '@stepcast/models';
import { HTTP_CONFIG, LOGGER, METRICS, type HttpConfig, type Logger } from '@stepcast/platform';
import { StepcastError } from '@stepcast/protocol';
import { RedisModule } from '@stepcast/redis';
import type { Registry } from 'prom-client';
import { GATEWAY_CONFIG, type GatewayConfig } from './gateway.config.js';
import { GATEWAY_CORE, type GatewayCore } from './gateway-core.js';
import { GatewayHealthService } from './gateway-health.service.js';
import { GatewayLifecycleService } from './gateway-lifecycle.service.js';
import { GatewayMetricsService } from './gateway-metrics.service.js';
import { GatewayObserver } from './gateway-observer.js';
import { GrpcService } from './grpc/grpc.service.js';
import { StreamsController } from './http/streams.controller.js';
import { GraceWatch } from './interest.js';
import { OpenConnections } from './open-connections.js';
import { PageService } from './page.service.js';
import { Turn } from './turn.js';
import { WsService } from './ws/ws.service.js';

const CLOCK = Symbol('Clock');
const ON_ERROR = Symbol('OnError');

const HUB_PARTS = Symbol('HubParts');

type OnError = (error: unknown) => void;
type HubParts = Pick<HubOptions, 'maxMemoryBytes' | 'foldsOf' | 'observer'>;

@Module({
  imports: [RedisModule, JobsModule],
  controllers: [StreamsController],
  providers: [
    WsService,
    PageService,
    GatewayHealthService,
    GatewayLifecycleService,
    GatewayMetricsService,
    GrpcService,
    { provide: CLOCK, useValue: systemClock },
    {
      provide: ON_ERROR,
      inject: [LOGGER],
      useFactory:
        (logger: Logger): OnError =>
        (error) => {
          // Every few seconds while Redis is away; the store says so once.
          const isAway = StepcastError.from(error).code === 'unavailable';
          logger[isAway ? 'debug' : 'warn']({ err: error }, 'the gateway goes on after an error');
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
          slowViewerMs: config.SLOW_VIEWER_MS,
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
      provide: GatewayObserver,
      inject: [METRICS],
      useFactory: (metrics: Registry) => new GatewayObserver(metrics, Date.now),
    },
    {
      provide: HUB_PARTS,
      inject: [GATEWAY_CONFIG, ModelRegistry, GatewayObserver],
      useFactory: (
        config: GatewayConfig,
        registry: ModelRegistry,
        observer: GatewayObserver,
      ): HubParts => ({
        maxMemoryBytes: config.CHANNEL_MEMORY_BYTES,
        foldsOf: (model) => registry.foldOf(model),
        observer,
      }),
    },
    {
      provide: Hub,
      inject: [
        ...[JOB_LOG, LOG_FEED, HolderLeases, GraceWatch, Turn, LOST_JOBS, CLOCK, ON_ERROR],
        HUB_PARTS,
      ],
      // One parameter per token, in the order of `inject`.
      // eslint-disable-next-line max-params
      useFactory: (
        reader: JobLogReader,
        feed: LogFeed,
        holders: HolderLeases,
        grace: GraceWatch,
        turn: Turn,
        lost: LostJobs,
        clock: Clock,
        onError: OnError,
        parts: HubParts,
      ) =>
        new Hub({
          ...parts,
          ...{ reader, feed, holders, lost, clock, onError },
          defer: turn.defer,
          onIdle: grace.begin,
        }),
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
