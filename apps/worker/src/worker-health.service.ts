import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Health, METRICS, observeQueue, observeStore } from '@stepcast/platform';
import { RedisStore } from '@stepcast/redis';
import type { Registry } from 'prom-client';
import { JobWorker } from './job-worker.js';

/** A worker without Redis waits for it and loses nothing, but takes no work either, and says so. */
@Injectable()
export class WorkerHealthService implements OnApplicationBootstrap {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(RedisStore) private readonly store: RedisStore,
    @Inject(JobWorker) private readonly worker: JobWorker,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  onApplicationBootstrap(): void {
    observeStore(this.health, this.metrics, this.store);
    observeQueue(this.health, this.metrics, { side: 'worker', queue: this.worker.queue });
  }
}
