import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Health } from './health.js';
import type { Logger } from './logging.js';
import { Shutdown } from './shutdown.js';

/** What closing HTTP, queues and Redis may take after the drain. */
const CLOSE_MS = 2_000;
/** Behind everything: what still runs then will not end by itself. */
const HARD_EXIT_MS = 1_000;

export interface StopOptions {
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly exit: (code: number) => void;
}

/**
 * SIGTERM or SIGINT → not ready → hooks of {@link Shutdown} → `app.close()` → exit 0, or 1 if anything
 * failed. A second signal exits at once.
 */
export function stopOnSignals(app: INestApplicationContext, options: StopOptions): void {
  const { logger, exit } = options;
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) {
      logger.warn({ signal }, 'second signal: exiting at once');
      exit(1);
      return;
    }
    stopping = true;
    logger.info({ signal }, 'draining');
    stopApp(app, options).then(
      () => {
        logger.info('stopped');
        exit(0);
      },
      (err: unknown) => {
        logger.error({ err }, 'stopped with errors');
        exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Drains and closes an application; throws what went wrong, after everything has been tried. */
export async function stopApp(
  app: INestApplicationContext,
  options: Pick<StopOptions, 'timeoutMs' | 'exit' | 'logger'>,
): Promise<void> {
  const hardExit = setTimeout(
    () => {
      options.logger.fatal('not stopped in time');
      options.exit(1);
    },
    options.timeoutMs + CLOSE_MS + HARD_EXIT_MS,
  );
  hardExit.unref();
  app.get(Health).startDraining();
  const failures: unknown[] = [];
  await app
    .get(Shutdown)
    .run(options.timeoutMs)
    .catch((error: unknown) => failures.push(error));
  // Requests that still run get a moment; then their connections are cut, else close() waits for them.
  const cut = setTimeout(() => {
    if ('getHttpServer' in app)
      (app as NestFastifyApplication).getHttpServer().closeAllConnections();
  }, CLOSE_MS / 2);
  await app.close().catch((error: unknown) => failures.push(error));
  clearTimeout(cut);
  clearTimeout(hardExit);
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
}
