import type * as z from 'zod';

/**
 * The variables that one lib or app reads. Its schema is keyed by the names of the variables, so that a
 * name means one thing in the environment, in the code and in the docs.
 *
 * Say what a field means with `.describe()`; add `.meta({ example })`, and `.meta({ secret: true })` for
 * values that must never be printed.
 */
export interface ConfigSlice<Schema extends z.ZodObject = z.ZodObject> {
  /** Heading in docs/configuration.md. */
  readonly title: string;
  /** Where the process's configuration is injected, seen as this slice. */
  readonly token: symbol;
  readonly schema: Schema;
}

/** One variable as the docs describe it. */
export interface ConfigVariable {
  readonly name: string;
  readonly description: string;
  /** As one would write it in the environment; absent when there is no default. */
  readonly default?: string;
  readonly example?: string;
  readonly required: boolean;
  readonly secret: boolean;
}

/** What docs/configuration.md and .env.example are made of, in the order of the schema. */
export function describeConfig(slice: ConfigSlice): ConfigVariable[] {
  return fieldsOf(slice.schema).map(([name, schema]) => describeField(name, schema));
}

/** The fields of a slice in order. */
export function fieldsOf(schema: z.ZodObject): [string, z.core.$ZodType][] {
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape);
}

/** The description of one field; what an outer wrapper says wins over what it wraps. */
export function describeField(name: string, schema: z.core.$ZodType): ConfigVariable {
  const layers = layersOf(schema as z.ZodType);
  const meta = Object.assign({}, ...layers.map((layer) => layer.meta()).reverse()) as {
    description?: string;
    example?: string;
    secret?: boolean;
  };
  const fallback = layers.map((layer) => layer.def).find((def) => def.type === 'default');
  return {
    name,
    description: meta.description ?? '',
    ...(fallback === undefined
      ? {}
      : { default: asText((fallback as z.core.$ZodDefaultDef).defaultValue) }),
    ...(meta.example === undefined ? {} : { example: meta.example }),
    required: !(schema as z.ZodType).safeParse(undefined).success,
    secret: meta.secret ?? false,
  };
}

/** A schema and what it wraps, outermost first: default, optional, pipe (by its input side). */
function layersOf(schema: z.ZodType): z.ZodType[] {
  const def = schema.def as { innerType?: z.ZodType; in?: z.ZodType };
  const inner = def.innerType ?? def.in;
  return inner === undefined ? [schema] : [schema, ...layersOf(inner)];
}

function asText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
