import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { ConfigSlice } from './config/config-slice.js';
import type { Config } from './config/load-config.js';
import { HealthController } from './health.controller.js';
import { Health } from './health.js';
import { LOGGER, type Logger } from './logging.js';
import { createMetrics, METRICS } from './metrics.js';
import { Shutdown } from './shutdown.js';

export interface PlatformOptions {
  readonly app: string;
  readonly slices: readonly ConfigSlice[];
  readonly config: Config;
  readonly logger: Logger;
}

/**
 * What every module may inject without importing anything: the configuration under the token of each
 * slice, logger, metrics, {@link Health} and {@link Shutdown}; and the routes of health and metrics.
 */
@Module({})
export class PlatformModule {
  static forRoot(options: PlatformOptions): DynamicModule {
    const tokens = new Set(options.slices.map((slice) => slice.token));
    const providers: Provider[] = [
      ...[...tokens].map((provide) => ({ provide, useValue: options.config })),
      { provide: LOGGER, useValue: options.logger },
      { provide: METRICS, useValue: createMetrics(options.app) },
      { provide: Health, useValue: new Health() },
      { provide: Shutdown, useValue: new Shutdown() },
    ];
    return {
      module: PlatformModule,
      global: true,
      controllers: [HealthController],
      providers,
      exports: providers.map((provider) => (provider as { provide: symbol }).provide),
    };
  }
}
