import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from '../logging.js';

/** Counts and times requests by route, never by address: ids in labels would grow without bound. */
export function addRequestMetrics(
  fastify: FastifyInstance,
  registry: Registry,
  logger: Logger,
): void {
  const seconds = new Histogram({
    name: 'stepcast_http_request_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [registry],
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const status = reply.statusCode;
    seconds.observe({ method: request.method, route, status }, reply.elapsedTime / 1_000);
    logger.debug({ method: request.method, route, status, ms: reply.elapsedTime }, 'request');
    done();
  });
}
