import { readFileSync } from 'node:fs';
import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ConfigSlice } from './config/config-slice.js';
import {
  ConfigError,
  loadConfig,
  printableConfig,
  type Config,
  type Env,
} from './config/load-config.js';
import type { HttpConfig, PlatformConfig } from './config/platform.config.js';
import { createHttpApp } from './http/http-app.nest.js';
import { createLogger, type Logger } from './logging.js';
import { NestLogger } from './nest-logger.service.js';
import { PlatformModule } from './platform.module.js';
import { stopOnSignals } from './stop-on-signals.nest.js';

export interface AppDefinition {
  /** `api`, `gateway` …: in log lines and metrics. */
  readonly name: string;
  readonly module: Type;
  /** Must contain `platformSlice`; `httpSlice` too when the app serves HTTP to browsers. */
  readonly slices: readonly ConfigSlice[];
  /** `when-port-is-set` serves health and metrics only on request. Default `always`. */
  readonly listen?: 'always' | 'when-port-is-set';
  /** Runs when the application exists but has not been initialised: for documents and static files. */
  readonly configure?: (app: NestFastifyApplication) => void | Promise<void>;
}

export interface ProcessEdge {
  readonly env: Env;
  /** Ends the process: only `main.ts` may. */
  readonly exit: (code: number) => void;
}

/** The modules of an app and the platform's, as one root. */
@Module({})
class RootModule {}

/**
 * The whole of a `main.ts`: configuration → Nest → listen → drain on SIGTERM or SIGINT. A start that
 * fails says why and exits with 1.
 */
export async function startApp(definition: AppDefinition & ProcessEdge): Promise<void> {
  const { env, exit } = definition;
  let config: Config;
  try {
    config = loadConfig(definition.slices, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${definition.name} cannot start. ${error.message}`);
    exit(1);
    return;
  }
  const logger = createLogger(definition.name, config as PlatformConfig);
  try {
    const app = await createApp(definition, { config, logger, env });
    stopOnSignals(app, {
      logger,
      exit,
      timeoutMs: (config as PlatformConfig).DRAIN_TIMEOUT_MS,
    });
    await listen(app, config as PlatformConfig, logger);
    logger.info(
      {
        config: printableConfig(definition.slices, config),
        versions: { stepcast: readVersion(), node: process.versions.node },
      },
      `${definition.name} started`,
    );
  } catch (err) {
    logger.fatal({ err }, `${definition.name} cannot start`);
    exit(1);
  }
}

/** Everything of {@link startApp} but listening and signals: what a test wants. */
export async function createApp(
  definition: AppDefinition,
  parts: { readonly config: Config; readonly logger: Logger; readonly env?: Env },
): Promise<INestApplicationContext> {
  const { config, logger, env = {} } = parts;
  const root: DynamicModule = {
    module: RootModule,
    imports: [
      PlatformModule.forRoot({ app: definition.name, slices: definition.slices, config, logger }),
      definition.module,
    ],
  };
  if (definition.listen === 'when-port-is-set' && (env['PORT'] ?? '') === '') {
    const options = { logger: new NestLogger(logger), abortOnError: false };
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class and means the shape
    return NestFactory.createApplicationContext(root, options);
  }
  const allowedOrigins = (config as Partial<HttpConfig>).ALLOWED_ORIGINS ?? [];
  const app = await createHttpApp({ root, logger, allowedOrigins });
  await definition.configure?.(app);
  await app.init();
  return app;
}

async function listen(
  app: INestApplicationContext,
  config: PlatformConfig,
  logger: Logger,
): Promise<void> {
  if (!('listen' in app)) return;
  const http = app as NestFastifyApplication;
  await http.listen({ port: config.PORT, host: config.HOST });
  logger.info({ url: await http.getUrl() }, 'listening');
}

/** The version of Stepcast that runs. */
export function readVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
