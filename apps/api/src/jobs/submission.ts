import type { ModelRegistry } from '@stepcast/models';
import {
  assertDepth,
  faultsOf,
  StepcastError,
  submitSchema,
  type InputFault,
} from '@stepcast/protocol';
import * as z from 'zod';

/** What can be read of a submission even when the rest of it is wrong. */
const addressSchema = z.looseObject({ model: z.string(), input: z.unknown().default({}) });

/**
 * Checks a whole body of `POST /v1/jobs`: its own fields by their schema and `input` by the model's.
 * @throws {StepcastError} `invalid_input` with the faults of both, `model_not_found`
 */
export function parseSubmission(
  registry: ModelRegistry,
  body: unknown,
): z.output<typeof submitSchema> {
  assertDepth(body);
  const result = submitSchema.safeParse(body);
  const faults = [
    ...(result.success ? [] : faultsOf(result.error)),
    ...inputFaults(registry, body),
  ];
  if (result.success && faults.length === 0) return result.data;
  const list = faults.map(({ path, message }) => `${path || '(body)'}: ${message}`).join('; ');
  throw new StepcastError('invalid_input', list.slice(0, 1_000), { faults });
}

function inputFaults(registry: ModelRegistry, body: unknown): InputFault[] {
  const address = addressSchema.safeParse(body);
  if (!address.success) return [];
  try {
    registry.parseInput(address.data.model, address.data.input);
    return [];
  } catch (error) {
    if (!(error instanceof StepcastError) || error.code !== 'invalid_input') throw error;
    return error.faults.map(({ path, message }) => ({
      path: path === '' ? 'input' : `input.${path}`,
      message,
    }));
  }
}
