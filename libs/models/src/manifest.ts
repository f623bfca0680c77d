import { z } from 'zod';
import type { FoldKind } from '@stepcast/protocol';
import type { Model } from './definition.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a client may know of a model: everything, as JSON. */
export interface ModelManifest {
  /** By which it is served; with `@` and the version for all versions but the lowest. */
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
  /** Present if jobs of the model run together: the most of them at a time, as the author wrote it. */
  readonly batch?: { readonly maxSize: number };
}

/**
 * The manifest of a model.
 * @throws {TypeError} naming model, field and fix when a schema has no JSON Schema (a date, a BigInt, a
 *   transform in an output)
 */
export function createManifest(model: Model): ModelManifest {
  const { name, execution } = model;
  const events = Object.entries(model.events);
  return {
    name,
    description: model.description,
    version: model.version,
    examples: model.examples,
    input: toJsonSchema({ model: name, place: 'input' }, model.input, 'input'),
    events: Object.fromEntries(
      events.map(([type, { schema }]) => [
        type,
        toJsonSchema({ model: name, place: `event "${type}"` }, schema, 'output'),
      ]),
    ),
    output: toJsonSchema({ model: name, place: 'output' }, model.output, 'output'),
    folds: Object.fromEntries(events.map(([type, { fold }]) => [type, fold])),
    streams: events.length > 0,
    ...(execution.kind === 'run' ? {} : { batch: { maxSize: execution.batch.maxSize } }),
  };
}

type Direction = 'input' | 'output';

interface Place {
  readonly model: string;
  readonly place: string;
}

function toJsonSchema({ model, place }: Place, schema: z.ZodType, io: Direction): JsonSchema {
  try {
    return z.toJSONSchema(schema, { io });
  } catch (cause) {
    const at = [place, ...findUnrepresentable(schema, io)].join('.');
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `The model "${model}": ${at} has no JSON Schema (${reason}); use a type that JSON has, ` +
        'such as z.iso.datetime() for a date or z.string() for a BigInt, and no transform in what the model gives.',
      { cause },
    );
  }
}

/** The field that cannot be described, as far as it lies in nested objects. */
function findUnrepresentable(schema: z.ZodType, io: Direction): string[] {
  const { shape } = schema as { shape?: Readonly<Record<string, z.ZodType>> };
  for (const [field, inner] of Object.entries(shape ?? {})) {
    try {
      z.toJSONSchema(inner, { io });
    } catch {
      return [field, ...findUnrepresentable(inner, io)];
    }
  }
  return [];
}
