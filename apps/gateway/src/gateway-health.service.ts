import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Health } from '@stepcast/platform';
import { RedisStore } from '@stepcast/redis';

/** Silence of pub/sub after which viewers may be missing events: three probes of the canary. */
const MAX_CANARY_AGE_MS = 15_000;

/** When a gateway should get viewers: Redis answers, and pub/sub really delivers. */
@Injectable()
export class GatewayHealthService implements OnApplicationBootstrap {
  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(RedisStore) private readonly store: RedisStore,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('redis', () => this.store.ping());
    this.health.register('feed', () => {
      const age = this.store.canary.ageMs ?? Infinity;
      if (age > MAX_CANARY_AGE_MS) {
        throw new Error(`pub/sub has delivered nothing for ${Math.round(age)} ms`);
      }
    });
  }
}
