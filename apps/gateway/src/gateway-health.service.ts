import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Health, METRICS, checkFeed, observeStore } from '@stepcast/platform';
import { RedisStore } from '@stepcast/redis';
import type { Registry } from 'prom-client';

/** When a gateway should get viewers: Redis takes writes, and pub/sub really delivers. */
@Injectable()
export class GatewayHealthService implements OnApplicationBootstrap {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(RedisStore) private readonly store: RedisStore,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  onApplicationBootstrap(): void {
    observeStore(this.health, this.metrics, this.store);
    checkFeed(this.health, this.store);
  }
}
