import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { HolderLeases, Hub, drainLeaseMs } from '@stepcast/hub';
import { Shutdown, type PlatformConfig } from '@stepcast/platform';
import { GATEWAY_CONFIG, type GatewayConfig } from './gateway.config.js';
import { OpenConnections } from './open-connections.js';

/** The orderly end of a gateway: refuse, send viewers away, close. */
@Injectable()
export class GatewayLifecycleService implements OnApplicationShutdown {
  constructor(
    private readonly hub: Hub,
    private readonly connections: OpenConnections,
    holders: HolderLeases,
    shutdown: Shutdown,
    @Inject(GATEWAY_CONFIG) config: GatewayConfig & PlatformConfig,
  ) {
    shutdown.register({
      name: 'refuse connections',
      phase: 'refuse',
      run: () => {
        connections.refuse();
      },
    });
    shutdown.register({
      name: 'send viewers away',
      phase: 'drain',
      run: async () => {
        await holders.extendAll(drainLeaseMs(config.DRAIN_TIMEOUT_MS));
        await connections.drain(config.DRAIN_WINDOW_MS);
      },
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.connections.stop();
    await this.hub.close();
  }
}
