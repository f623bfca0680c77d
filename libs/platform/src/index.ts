export { describeConfig, type ConfigSlice, type ConfigVariable } from './config/config-slice.js';
export {
  ConfigError,
  loadConfig,
  printableConfig,
  type Config,
  type ConfigProblem,
  type Env,
} from './config/load-config.js';
export {
  HTTP_CONFIG,
  PLATFORM_CONFIG,
  httpSlice,
  platformSlice,
  type HttpConfig,
  type PlatformConfig,
} from './config/platform.config.js';
export { Health, type HealthCheck, type HealthReport } from './health.js';
export { observeQueue, type ObservedQueue } from './health-of-queue.js';
export { checkFeed, observeStore, type ObservedStore } from './health-of-store.js';
export { createHttpApp, type HttpAppOptions } from './http/http-app.nest.js';
export { isAllowedOrigin } from './http/origin.js';
export { sendProblem } from './http/send-problem.js';
export { LOGGER, background, createLogger, type Logger } from './logging.js';
export { METRICS, type MetricsRegistry } from './metrics.js';
export { PlatformModule, type PlatformOptions } from './platform.module.js';
export { Shutdown, type ShutdownHook, type ShutdownPhase } from './shutdown.js';
export {
  createApp,
  readVersion,
  startApp,
  type AppDefinition,
  type ProcessEdge,
} from './start-app.nest.js';
export { stopApp } from './stop-on-signals.nest.js';
