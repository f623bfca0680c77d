import { StepcastError } from '@stepcast/protocol';
import type { FastifyInstance } from 'fastify';
import { isAllowedOrigin } from './origin.js';

const METHODS = 'GET, POST, DELETE, OPTIONS';
const EXPOSED = 'Location, Stepcast-Job, Preference-Applied, Retry-After';
const PREFLIGHT_SECONDS = '600';

/**
 * CORS, and a refusal of what CORS does not stop (see {@link isAllowedOrigin}). Headers go on the raw
 * response, so that handlers which write there by themselves (SSE) carry them too.
 */
export function addOriginHook(fastify: FastifyInstance, allowed: readonly string[]): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { origin, host } = request.headers;
    const raw = reply.raw;
    raw.setHeader('x-content-type-options', 'nosniff');
    raw.setHeader('vary', 'Origin');
    if (!isAllowedOrigin(origin, host, allowed)) {
      done(new StepcastError('forbidden'));
      return;
    }
    if (origin !== undefined) {
      raw.setHeader('access-control-allow-origin', origin);
      raw.setHeader('access-control-expose-headers', EXPOSED);
    }
    if (request.method === 'OPTIONS' && 'access-control-request-method' in request.headers) {
      raw.setHeader('access-control-allow-methods', METHODS);
      raw.setHeader(
        'access-control-allow-headers',
        request.headers['access-control-request-headers'] ?? 'content-type',
      );
      raw.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
      reply.code(204).send();
      return;
    }
    done();
  });
}
