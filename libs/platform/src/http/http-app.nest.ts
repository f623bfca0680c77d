import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { LIMITS, StepcastError } from '@stepcast/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { Health } from '../health.js';
import { LOGGER, type Logger } from '../logging.js';
import { METRICS } from '../metrics.js';
import { NestLogger } from '../nest-logger.service.js';
import { addBodyParser } from './body-parser.js';
import { addOriginHook } from './origin-hook.js';
import { addRequestMetrics } from './request-metrics.js';
import { ProblemFilter } from './problem.filter.js';
import { sendProblem } from './send-problem.js';

/** How long a client may take to send its headers, and its whole request: against slowloris. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_MS = 5_000;
/** Longer than the idle timeout of usual load balancers (60 s), which must be first to close. */
const KEEP_ALIVE_MS = 72_000;

export interface HttpAppOptions {
  /** Holds `PlatformModule` and the modules of the app. */
  readonly root: Type | DynamicModule;
  readonly logger: Logger;
  readonly allowedOrigins: readonly string[];
}

/**
 * A Nest application on Fastify with the hub's rules for bodies, origins, time limits and problem
 * answers. It does not listen yet.
 */
export async function createHttpApp(options: HttpAppOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: LIMITS.maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    routerOptions: { maxParamLength: 300 },
    // An address that cannot be decoded never reaches a route, nor Nest's filters.
    frameworkErrors: (_error: Error, _request: FastifyRequest, reply: FastifyReply) => {
      sendProblem(reply, new StepcastError('not_found'));
    },
  });
  const nestOptions = {
    logger: new NestLogger(options.logger),
    bodyParser: false,
    abortOnError: false,
  };
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class and means the shape
  const app = await NestFactory.create<NestFastifyApplication>(options.root, adapter, nestOptions);
  const fastify = adapter.getInstance<FastifyInstance>();
  addOriginHook(fastify, options.allowedOrigins);
  addDrainHook(fastify, app.get(Health));
  addRequestMetrics(fastify, app.get<Registry>(METRICS), app.get<Logger>(LOGGER));
  addBodyParser(fastify);
  app.useGlobalFilters(new ProblemFilter(options.logger));
  return app;
}

/** While draining every answer asks its client to come back on a new connection, to another process. */
function addDrainHook(fastify: FastifyInstance, health: Health): void {
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (health.isDraining) void reply.header('connection', 'close');
    done();
  });
}
