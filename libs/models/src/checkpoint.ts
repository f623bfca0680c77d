import { deserialize, serialize } from 'node:v8';
import { StepcastError } from '@stepcast/protocol';
import type { Model } from './definition.js';
import { describeMisfit } from './model-event.js';

/**
 * Largest checkpoint in bytes, as it is encoded. It lies in Redis once per running job and is written as a
 * whole each time: enough for the latents or the cache of a small network, not for the weights of one.
 */
export const MAX_CHECKPOINT_BYTES = 4 * 1_048_576;

/**
 * Checks what a model saves and encodes it: whatever `structuredClone` can carry, as base64 of V8's own
 * format. The schema is asked whether the value fits; what it would make of it, it makes when the value
 * is loaded, so that a transform happens once.
 * @throws {StepcastError} `invalid_checkpoint`; the message says how to fix the model.
 */
export function encodeCheckpoint(model: Model, state: unknown): string {
  const result = schemaOf(model).safeParse(state);
  if (!result.success) throw invalid(describeMisfit('The checkpoint', result.error));
  const bytes = toBytes(state);
  if (bytes.length > MAX_CHECKPOINT_BYTES) {
    throw invalid(
      `The checkpoint has ${bytes.length} bytes, but at most ${MAX_CHECKPOINT_BYTES} are allowed; ` +
        'save what the rest can be computed from.',
    );
  }
  return bytes.toString('base64');
}

/**
 * What {@link encodeCheckpoint} has encoded, through the schema.
 * @throws {StepcastError} `invalid_checkpoint` when the model has changed and its version has not.
 */
export function decodeCheckpoint(model: Model, data: string): unknown {
  const schema = schemaOf(model);
  let state: unknown;
  try {
    state = deserialize(Buffer.from(data, 'base64'));
  } catch (cause) {
    throw invalid('The saved checkpoint cannot be read by this version of Node.js.', cause);
  }
  const result = schema.safeParse(state);
  if (result.success) return result.data;
  const misfit = describeMisfit('The saved checkpoint', result.error);
  throw invalid(`${misfit}. Raise the version of a model when its checkpoint changes.`);
}

function schemaOf({ checkpoint, name }: Model): NonNullable<Model['checkpoint']> {
  if (checkpoint !== undefined) return checkpoint;
  throw invalid(
    `The model "${name}" declares no checkpoint; add \`checkpoint: z.object({ … })\` to its definition.`,
  );
}

function toBytes(state: unknown): Buffer {
  try {
    return serialize(state);
  } catch (cause) {
    const fix = 'save data only: no functions, promises or objects of the runtime.';
    throw invalid(`The checkpoint cannot be encoded; ${fix}`, cause);
  }
}

function invalid(message: string, cause?: unknown): StepcastError {
  return new StepcastError('invalid_checkpoint', message, { cause });
}
