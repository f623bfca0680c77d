import { pino, stdSerializers, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { PlatformConfig } from './config/platform.config.js';

export type { Logger } from 'pino';

/** Where the process's {@link Logger} is injected. */
export const LOGGER = Symbol('Logger');

/**
 * The one logger of a process. Lines go to stdout; requests are never logged with their bodies, so no
 * input of a job ends up here.
 */
export function createLogger(
  app: string,
  config: Pick<PlatformConfig, 'LOG_LEVEL' | 'LOG_FORMAT'>,
): Logger {
  const options = {
    level: config.LOG_LEVEL,
    base: { app, pid: process.pid },
    serializers: { err: stdSerializers.errWithCause },
  };
  if (config.LOG_FORMAT === 'json') return pino(options);
  return pino(options, pretty({ ignore: 'pid,hostname,app', translateTime: 'SYS:HH:MM:ss.l' }));
}

/**
 * For promises that nobody awaits on purpose: a rejection is logged instead of ending the process.
 * @param what says in the log what was being done
 */
export function background(promise: Promise<unknown>, logger: Logger, what: string): void {
  promise.catch((err: unknown) => {
    logger.error({ err }, `failed in the background: ${what}`);
  });
}
