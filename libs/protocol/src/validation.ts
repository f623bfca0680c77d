import type * as z from 'zod';
import { StepcastError, type InputFault } from './errors.js';
import { LIMITS } from './limits.js';

/** Every fault of a failed validation, with its path from the root of the input. */
export function faultsOf(error: z.ZodError): InputFault[] {
  return error.issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: issue.message,
  }));
}

/**
 * Checks a value that came from a client.
 * @throws {StepcastError} `invalid_input` with every fault.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  assertDepth(value);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = faultsOf(result.error);
  const list = faults.map((fault) => `${fault.path || '(input)'}: ${fault.message}`).join('; ');
  throw new StepcastError('invalid_input', list.slice(0, 1_000), { faults });
}

/**
 * Refuses values nested deeper than {@link LIMITS.maxJsonDepth} without recursing: a validator, or
 * `JSON.stringify`, would otherwise overflow the stack on `[[[[…`.
 */
export function assertDepth(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > LIMITS.maxJsonDepth) {
      throw new StepcastError('invalid_input', `Nested deeper than ${LIMITS.maxJsonDepth} levels.`);
    }
    level = level.flatMap((item): unknown[] =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    );
  }
}
