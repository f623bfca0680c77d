import { PROBLEM_CONTENT_TYPE, toProblem } from '@stepcast/protocol';
import type { FastifyReply } from 'fastify';
import { toStepcastError } from './to-stepcast-error.js';

/** Seconds of `Retry-After`: about what a restart of Redis or of a process takes. */
const RETRY_AFTER_SECONDS = 2;

/**
 * Answers with any error as `application/problem+json`. Once the first byte is out, or the reply was
 * taken over (`hijack()`), there is no answer left to give: the connection is cut, so that the reader
 * does not take what it has for the whole.
 */
export function sendProblem(reply: FastifyReply, error: unknown): void {
  if (reply.sent || reply.raw.headersSent) {
    if (!reply.raw.writableEnded) reply.raw.destroy();
    return;
  }
  const known = toStepcastError(error);
  if (known.info.retry === 'later') void reply.header('retry-after', RETRY_AFTER_SECONDS);
  void reply
    .code(known.info.http)
    .header('content-type', PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(toProblem(known)));
}
