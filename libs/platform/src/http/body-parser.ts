import { LIMITS, StepcastError } from '@stepcast/protocol';
import type { FastifyInstance } from 'fastify';

/**
 * Bodies are JSON. An empty one is `undefined` whatever its content type says: real clients send
 * `Content-Type: application/json` with every call, also where there is nothing to send.
 */
export function addBodyParser(fastify: FastifyInstance): void {
  const bodyLimit = LIMITS.maxBodyBytes;
  // Refuses `__proto__` keys, which would reach the prototype of what the input is copied into.
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();

  fastify.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string', bodyLimit },
    (request, body, done) => {
      if (body.trim() === '') {
        done(null, undefined);
        return;
      }
      void parseJson(request, body, (error: Error | null, value: unknown) => {
        done(
          error === null ? null : new StepcastError('malformed_json', undefined, { cause: error }),
          value,
        );
      });
    },
  );

  fastify.addContentTypeParser<string>(
    '*',
    { parseAs: 'string', bodyLimit },
    (request, body, done) => {
      // A DELETE needs no body, so what kind it is does not matter either.
      const isIgnored = body === '' || request.method === 'DELETE';
      done(isIgnored ? null : new StepcastError('unsupported_media_type'), undefined);
    },
  );
}
