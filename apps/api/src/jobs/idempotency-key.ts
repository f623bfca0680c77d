import { LIMITS, parseInput } from '@stepcast/protocol';
import * as z from 'zod';

const headersSchema = z.object({
  'idempotency-key': z.string().trim().min(1).max(LIMITS.maxIdempotencyKeyLength).optional(),
});

/** @throws {StepcastError} `invalid_input` for a key that is empty or too long */
export function parseIdempotencyKey(headers: unknown): string | undefined {
  return parseInput(headersSchema, headers)['idempotency-key'];
}
