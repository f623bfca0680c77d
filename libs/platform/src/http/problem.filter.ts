import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logging.js';
import { sendProblem } from './send-problem.js';
import { toStepcastError } from './to-stepcast-error.js';

/** Turns whatever a request ends with into a problem answer, and logs what is our fault. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const known = toStepcastError(error);
    const place = { method: request.method, route: request.routeOptions.url };
    if (known.code === 'internal') {
      this.#logger.error({ ...place, err: known.cause ?? known }, 'request failed');
    } else if (known.info.http >= 500) {
      // An outage fails many requests: one line each, without a stack.
      this.#logger.warn(
        { ...place, cause: messageOf(known.cause) },
        `request failed: ${known.code}`,
      );
    }
    sendProblem(http.getResponse<FastifyReply>(), known);
  }
}

function messageOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.message : undefined;
}
