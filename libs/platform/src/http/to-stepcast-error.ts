import { StepcastError, type ErrorCode } from '@stepcast/protocol';

/** Codes of what Fastify and Nest refuse before a handler of ours runs, by their HTTP status. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed_json',
  404: 'not_found',
  405: 'not_found',
  413: 'too_large',
  414: 'too_large',
  415: 'unsupported_media_type',
  503: 'draining',
};

/** Any error as ours: those with an HTTP status below 500 by it, everything unknown as `internal`. */
export function toStepcastError(error: unknown): StepcastError {
  if (error instanceof StepcastError) return error;
  const code = CODES[statusOf(error)];
  return code === undefined
    ? StepcastError.from(error)
    : new StepcastError(code, undefined, { cause: error });
}

function statusOf(error: unknown): number {
  if (!(error instanceof Error)) return 500;
  // Nest's HttpException has getStatus(), Fastify's errors have statusCode.
  const carrier = error as { getStatus?: () => number; statusCode?: number };
  return carrier.getStatus?.() ?? carrier.statusCode ?? 500;
}
