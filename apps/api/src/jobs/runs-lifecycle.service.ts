import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HolderLeases, drainLeaseMs } from '@stepcast/hub';
import { PLATFORM_CONFIG, Shutdown, type PlatformConfig } from '@stepcast/platform';
import { RunFeed } from '../run-feed.js';

/** The end of what {@link RunService} needs. */
@Injectable()
export class RunsLifecycleService implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(Shutdown) private readonly shutdown: Shutdown,
    @Inject(HolderLeases) private readonly holders: HolderLeases,
    @Inject(RunFeed) private readonly feed: RunFeed,
    @Inject(PLATFORM_CONFIG) private readonly config: PlatformConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.shutdown.register({
      name: 'extend leases of run calls',
      phase: 'drain',
      run: () => this.holders.extendAll(drainLeaseMs(this.config.DRAIN_TIMEOUT_MS)),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.holders.stop();
    await this.feed.close();
  }
}
