import { z } from 'zod';
import { EVENT_TYPE_PATTERN, FOLDS, faultsOf, isReservedType } from '@stepcast/protocol';
import type { EventDefinitions, Model, ModelEventType, ModelSpec } from './definition.js';
import { createExecution } from './execution.js';

/** Name of a model: part of addresses, of the name of its queue and of its gRPC method. */
export const MODEL_NAME_PATTERN = /^[a-z][a-z0-9_-]{0,63}$/;

/** Version of a model: what stands behind the `@` in `sketch@2`. */
export const MODEL_VERSION_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/** Marks what defineModel returns; a registered symbol, so that two copies of this lib agree. */
const MODEL = Symbol.for('stepcast.model');

/**
 * Defines a model: the default export of `models/<folder>/model.ts`. Everything is inferred from the
 * schemas and from what `load` returns.
 * @throws {TypeError} when the definition is wrong; the message says what to write instead.
 */
export function defineModel<
  Input extends z.ZodType,
  Output extends z.ZodType,
  Events extends EventDefinitions = Record<string, never>,
  Loaded = undefined,
  Checkpoint extends z.ZodType = z.ZodNever,
  State = undefined,
>(spec: ModelSpec<Input, Events, Output, Loaded, Checkpoint, State>): Model<Input, Events, Output> {
  assertName(spec.name);
  assertVersion(spec.name, spec.version ?? '1');
  assertParts(spec);
  const model = {
    [MODEL]: true,
    name: spec.name,
    description: spec.description,
    version: spec.version ?? '1',
    examples: spec.examples ?? [],
    input: spec.input,
    output: spec.output,
    checkpoint: spec.checkpoint,
    events: completeEvents(spec.name, spec.events ?? {}),
    // The host parses the input by `spec.input` and passes on what `load` and `init` returned.
    execution: createExecution(spec),
    load: async (env) => spec.load?.(env),
    warmup: async (loaded) => spec.warmup?.(loaded as Loaded),
    healthcheck: async (loaded) => spec.healthcheck?.(loaded as Loaded),
    unload: async (loaded) => spec.unload?.(loaded as Loaded),
  } satisfies Model & { [MODEL]: true };
  assertExamples(model);
  // The events were completed key by key from `spec.events`, which the compiler cannot follow.
  return Object.freeze(model) as unknown as Model<Input, Events, Output>;
}

/** Whether a value was made by {@link defineModel}. */
export function isModel(value: unknown): value is Model {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, MODEL);
}

function assertName(name: unknown): void {
  if (typeof name === 'string' && MODEL_NAME_PATTERN.test(name)) return;
  throw new TypeError(
    `defineModel: name ${JSON.stringify(name)} must be 1 to 64 lower-case letters, digits, "-" or "_", ` +
      'beginning with a letter, such as "sketch".',
  );
}

function assertVersion(name: string, version: unknown): void {
  if (typeof version === 'string' && MODEL_VERSION_PATTERN.test(version)) return;
  throw new TypeError(
    `defineModel "${name}": version ${JSON.stringify(version)} must be 1 to 32 letters, digits, ".", "-" or "_", such as "2".`,
  );
}

/** Authors may write plain JavaScript, so that the compiler has not seen what arrives here. */
function assertParts(spec: {
  readonly name: string;
  readonly description: unknown;
  readonly input: unknown;
  readonly output: unknown;
  readonly checkpoint?: unknown;
}): void {
  const { name } = spec;
  if (typeof spec.description !== 'string' || spec.description === '') {
    throw new TypeError(`defineModel "${name}": add a description, one sentence for people.`);
  }
  for (const part of ['input', 'output', 'checkpoint'] as const) {
    if (spec[part] instanceof z.ZodType) continue;
    if (part === 'checkpoint' && spec.checkpoint === undefined) continue;
    throw new TypeError(
      `defineModel "${name}": ${part} must be a schema, such as z.object({ … }) with the z of @stepcast/models.`,
    );
  }
}

function completeEvents(name: string, events: EventDefinitions): Record<string, ModelEventType> {
  return Object.fromEntries(
    Object.entries(events).map(([type, event]) => {
      assertEvent(name, type, event);
      return [type, { schema: event.schema, fold: event.fold ?? 'all' }];
    }),
  );
}

function assertEvent(name: string, type: string, event: unknown): void {
  const where = `defineModel "${name}": event "${type}"`;
  if (isReservedType(type)) {
    throw new TypeError(
      `${where} is reserved for the hub; choose another name, such as "${type}-info".`,
    );
  }
  if (!EVENT_TYPE_PATTERN.test(type)) {
    throw new TypeError(
      `${where} must be 1 to 32 lower-case letters, digits, "-" or "_", beginning with a letter.`,
    );
  }
  const { schema, fold } = (event ?? {}) as { schema?: unknown; fold?: unknown };
  if (!(schema instanceof z.ZodType)) {
    throw new TypeError(`${where} has no schema; write { schema: z.object({ … }) }.`);
  }
  if (fold !== undefined && !(FOLDS as readonly unknown[]).includes(fold)) {
    throw new TypeError(
      `${where} has fold ${JSON.stringify(fold)}; use one of: ${FOLDS.join(', ')}.`,
    );
  }
}

function assertExamples(model: Model): void {
  for (const [index, example] of model.examples.entries()) {
    const result = model.input.safeParse(example);
    if (result.success) continue;
    const faults = faultsOf(result.error).map(
      ({ path, message }) => `${path || '(input)'}: ${message}`,
    );
    throw new TypeError(
      `defineModel "${model.name}": examples[${index}] does not fit the input: ${faults.join('; ')}`,
    );
  }
}
