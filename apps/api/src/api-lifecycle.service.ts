import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { JobQueues, Sweeper } from '@stepcast/jobs';
import { ModelRegistry } from '@stepcast/models';
import { Health, METRICS, Shutdown, observeQueue, observeStore } from '@stepcast/platform';
import { RedisStore } from '@stepcast/redis';
import type { Registry } from 'prom-client';

const STOP_SWEEP_MS = 2_000;

/** When the API should get requests. */
@Injectable()
export class ApiHealthService implements OnApplicationBootstrap {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(RedisStore) private readonly store: RedisStore,
    @Inject(JobQueues) private readonly queues: JobQueues,
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  onApplicationBootstrap(): void {
    observeStore(this.health, this.metrics, this.store);
    observeQueue(this.health, this.metrics, { side: 'api', queue: this.queues.monitor });
    this.health.register('models', () => {
      if (this.registry.list().length === 0) throw new Error('no model was found in MODELS_DIR');
    });
  }
}

/** The sweeper lives as long as the API takes work. */
@Injectable()
export class SweeperService implements OnApplicationBootstrap {
  constructor(
    @Inject(Sweeper) private readonly sweeper: Sweeper,
    @Inject(Shutdown) private readonly shutdown: Shutdown,
  ) {}

  onApplicationBootstrap(): void {
    this.shutdown.register({
      name: 'stop sweeping',
      phase: 'refuse',
      // A sweep may be left half-way, and it waits for Redis longer than a drain should.
      deadlineMs: STOP_SWEEP_MS,
      run: () => this.sweeper.stop(),
    });
    this.sweeper.start();
  }
}
