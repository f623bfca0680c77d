import { z } from 'zod';
import type { FoldKind } from '@stepcast/protocol';
import type { Model } from './definition.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a client may know of a model: everything, as JSON. */
export interface ModelManifest {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly examples: readonly unknown[];
  /** JSON Schema (2020-12) of what a client sends: fields with a default are optional. */
  readonly input: JsonSchema;
  /** JSON Schema of the `data` of each event type. */
  readonly events: Readonly<Record<string, JsonSchema>>;
  readonly output: JsonSchema;
  readonly folds: Readonly<Record<string, FoldKind>>;
  /** Whether the model emits events of its own. */
  readonly streams: boolean;
}

/**
 * The manifest of a model.
 * @throws when a schema has no JSON Schema (a date, a BigInt, a transform in an output).
 */
export function createManifest(model: Model): ModelManifest {
  const events = Object.entries(model.events);
  return {
    name: model.name,
    description: model.description,
    version: model.version,
    examples: model.examples,
    input: toJsonSchema(model.input, 'input'),
    events: Object.fromEntries(
      events.map(([type, { schema }]) => [type, toJsonSchema(schema, 'output')]),
    ),
    output: toJsonSchema(model.output, 'output'),
    folds: Object.fromEntries(events.map(([type, { fold }]) => [type, fold])),
    streams: events.length > 0,
  };
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, { io });
}
