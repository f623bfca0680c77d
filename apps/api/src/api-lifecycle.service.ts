import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeper } from '@stepcast/jobs';
import { ModelRegistry } from '@stepcast/models';
import { Health, METRICS, Shutdown, observeStore } from '@stepcast/platform';
import { RedisStore } from '@stepcast/redis';
import type { Registry } from 'prom-client';

/** When the API should get requests. */
@Injectable()
export class ApiHealthService implements OnApplicationBootstrap {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(RedisStore) private readonly store: RedisStore,
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  onApplicationBootstrap(): void {
    observeStore(this.health, this.metrics, this.store);
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
      run: () => this.sweeper.stop(),
    });
    this.sweeper.start();
  }
}
