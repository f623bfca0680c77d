import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Health, PLATFORM_CONFIG, Shutdown, type PlatformConfig } from '@stepcast/platform';
import { JobWorker } from './job-worker.js';

/** What is kept of the drain for closing connections after it. */
const MARGIN_MS = 1_000;

/** Starts the worker with the application and ends it in the order of a shutdown. */
@Injectable()
export class WorkerLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(JobWorker) private readonly worker: JobWorker,
    @Inject(Health) private readonly health: Health,
    @Inject(Shutdown) private readonly shutdown: Shutdown,
    @Inject(PLATFORM_CONFIG) private readonly config: PlatformConfig,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.health.register('host', () => this.worker.checkHosts());
    this.shutdown.register({
      name: 'take no more jobs',
      phase: 'refuse',
      run: () => this.worker.refuse(),
    });
    const timeoutMs = Math.max(0, this.config.DRAIN_TIMEOUT_MS - MARGIN_MS);
    this.shutdown.register({
      name: 'let jobs end, or give them back',
      phase: 'drain',
      run: () => this.worker.drain(timeoutMs),
    });
    await this.worker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker.close();
  }
}
