import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { WORKER_DIRECTORY, type WorkerDirectory } from '@stepcast/hub';
import { ModelRegistry } from '@stepcast/models';
import {
  LOGGER,
  METRICS,
  PLATFORM_CONFIG,
  Shutdown,
  type Logger,
  type PlatformConfig,
} from '@stepcast/platform';
import { LIMITS } from '@stepcast/protocol';
import type { Registry } from 'prom-client';
import { GATEWAY_CONFIG, type GatewayConfig } from '../gateway.config.js';
import { GATEWAY_CORE, type GatewayCore } from '../gateway-core.js';
import { createGrpcApi } from './grpc-api.js';
import { GrpcHealth } from './grpc-health.js';
import { GrpcMetrics } from './grpc-metrics.js';
import { GrpcServer } from './grpc-server.js';
import { createInferenceService } from './inference-service.js';

/** How long the last connections may take to close when all calls have been ended. */
const CLOSE_MS = 1_000;

/** gRPC: models as methods, beside the streams over HTTP (docs/grpc.md). */
@Injectable()
export class GrpcService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #core: GatewayCore;
  readonly #registry: ModelRegistry;
  readonly #directory: WorkerDirectory;
  readonly #logger: Logger;
  readonly #metrics: GrpcMetrics;
  readonly #server: GrpcServer;
  readonly #health: GrpcHealth;
  #stopListening: (() => void) | undefined;

  // One parameter per token.
  // eslint-disable-next-line max-params
  constructor(
    @Inject(GATEWAY_CORE) core: GatewayCore,
    registry: ModelRegistry,
    @Inject(WORKER_DIRECTORY) directory: WorkerDirectory,
    @Inject(LOGGER) logger: Logger,
    @Inject(METRICS) metrics: Registry,
    shutdown: Shutdown,
    @Inject(GATEWAY_CONFIG) config: GatewayConfig,
    @Inject(PLATFORM_CONFIG) platform: PlatformConfig,
  ) {
    this.#core = core;
    this.#registry = registry;
    this.#directory = directory;
    this.#logger = logger;
    this.#metrics = new GrpcMetrics(metrics);
    this.#server = new GrpcServer({
      host: platform.HOST,
      port: config.GRPC_PORT,
      maxRequestBytes: LIMITS.maxBodyBytes,
      maxCallsPerConnection: config.GRPC_MAX_CALLS_PER_CONNECTION,
      heartbeatMs: config.HEARTBEAT_MS,
    });
    this.#health = new GrpcHealth({
      models: () => this.#names(),
      serving: () => this.#serving(),
      onError: core.onError,
    });
    this.#endWith(shutdown);
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#health.addTo(this.#server.server);
    this.#serve();
    this.#stopListening = this.#registry.onChange(() => {
      this.#serve();
    });
    await this.#health.begin();
    const address = await this.#server.listen();
    this.#logger.info({ grpc: address }, 'gRPC is listening');
  }

  onApplicationShutdown(): void {
    this.#stopListening?.();
    this.#server.server.forceShutdown();
  }

  /** Serves the models as they are now. */
  #serve(): void {
    const names = this.#names();
    const api = createGrpcApi(names.map((name) => this.#registry.manifest(name)));
    for (const { model, reason } of api.unserved) this.#logger.error({ model }, reason);
    const parts = { core: this.#core, api, metrics: this.#metrics, serving: () => this.#serving() };
    this.#server.serve(api, createInferenceService(parts));
  }

  #names(): string[] {
    return this.#registry.list().map(({ name }) => name);
  }

  async #serving(): Promise<ReadonlySet<string>> {
    const workers = await this.#directory.list();
    return new Set(workers.flatMap(({ models }) => Object.keys(models)));
  }

  /** Calls are connections of the gateway, which sends them away in between. */
  #endWith(shutdown: Shutdown): void {
    shutdown.register({
      name: 'say that gRPC is not serving',
      phase: 'refuse',
      run: () => {
        this.#health.end();
      },
    });
    shutdown.register({
      name: 'close gRPC',
      phase: 'flush',
      run: () => this.#server.stop(AbortSignal.timeout(CLOSE_MS)),
    });
  }
}
