import type { JsonSchema } from '../manifest.js';
import { assignNumbers } from './field-numbers.js';
import {
  toConstantName,
  toConstantPrefix,
  toFieldName,
  toJsonName,
  toMapEntryName,
  toTypeName,
} from './names.js';
import type { ProtoEnum, ProtoField, ProtoMessage, ProtoType } from './proto-type.js';
import { scalarOf } from './scalars.js';
import { UnservableSchema } from './unservable-schema.js';

/** Which way a message goes: fields of requests can be told from zero, so that a missing one is refused. */
export type Direction = 'request' | 'response';

export interface FromSchemaOptions {
  readonly direction: Direction;
  /** Of the message in the file. */
  readonly name: string;
  /** Full name of the message around it, '' at the top. */
  readonly scope: string;
  /** Where the schema stands, for errors: `input`. */
  readonly path: string;
  readonly comment: string;
}

/**
 * The message of a schema. A schema that is no object becomes a message with one field `value`.
 * @throws {UnservableSchema} when proto cannot express it
 */
export function messageOf(schema: JsonSchema, options: FromSchemaOptions): MessageType {
  return new Conversion(schema, options.direction).root(options);
}

/** The types that have a message of their own. */
export type MessageType = Extract<ProtoType, { kind: 'message' | 'wrapped' }>;

/** Names that a nested message may not take: it would hide the shared one. */
const SHARED = new Set(['Tensor', 'Queued', 'Started', 'NewAttempt', 'Log', 'Snapshot', 'Reset']);

const ONE_TYPE =
  'proto has no such type; use one type, an object with an optional field for each case, or z.json()';

class Conversion {
  readonly #root: JsonSchema;
  readonly #direction: Direction;
  /** Messages by the JSON pointer of their schema, so that a recursive schema ends. */
  readonly #known = new Map<string, ProtoMessage>();

  constructor(root: JsonSchema, direction: Direction) {
    this.#root = root;
    this.#direction = direction;
  }

  root({ name, scope, path, comment }: FromSchemaOptions): MessageType {
    const message = newMessage(name, scope, comment);
    const { schema, isNullable } = withoutNull(this.#root);
    if (!isNullable && isObject(schema)) {
      this.#known.set('#', message);
      this.#fill(message, schema, path);
      return { kind: 'message', of: message };
    }
    this.#add(message, path, [['value', { ...this.#root, field: 1 }]], new Set(['value']));
    return { kind: 'wrapped', of: message };
  }

  #fill(message: ProtoMessage, schema: JsonSchema, path: string): void {
    const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
    const required = new Set((schema['required'] ?? []) as string[]);
    this.#add(message, path, Object.entries(properties), required);
  }

  #add(
    message: ProtoMessage,
    path: string,
    properties: readonly (readonly [string, JsonSchema])[],
    required: ReadonlySet<string>,
  ): void {
    const numbered = properties.map(([key, schema]) => ({ key, chosen: schema['field'] }));
    const numbers = assignNumbers(path, numbered, '.meta({ field: 1 }) on its schema');
    const keys = new Map<string, string>();
    for (const [key, schema] of properties) {
      const name = toFieldName(key);
      // By their names in JSON, which the language also wants to differ: `a_1` and `a1` are both `a1`.
      const other = keys.get(toJsonName(name));
      if (other !== undefined) {
        throw new UnservableSchema(path, `"${other}" and "${key}" are both "${name}"; rename one`);
      }
      keys.set(toJsonName(name), key);
      const field = { key, name, number: numbers.get(key) ?? 0, isRequired: required.has(key) };
      message.fields.push(this.#field(message, `${path}.${key}`, schema, field));
    }
    assertEntriesFree(message, path);
  }

  #field(
    owner: ProtoMessage,
    path: string,
    schema: JsonSchema,
    field: Pick<ProtoField, 'key' | 'name' | 'number' | 'isRequired'>,
  ): ProtoField {
    const { schema: inner, isNullable } = withoutNull(schema);
    const type = this.#type(owner, path, inner, field.key);
    const isPlain = type.kind === 'scalar' || type.kind === 'bytes' || type.kind === 'enum';
    const isRequest = this.#direction === 'request';
    const mayMiss = isRequest || !field.isRequired || isNullable;
    const comment = commentOf(schema, isRequest && field.isRequired);
    return { ...field, type, isNullable, hasPresence: isPlain && mayMiss, comment };
  }

  #type(owner: ProtoMessage, path: string, schema: JsonSchema, key: string): ProtoType {
    const reference = schema['$ref'];
    if (typeof reference === 'string') return this.#referred(owner, path, reference, key);
    if (schema['x-tensor'] !== undefined) return { kind: 'tensor' };
    if (isAnything(schema)) return { kind: 'value' };
    const strings = stringsOf(schema);
    if (strings !== undefined)
      return { kind: 'enum', of: addEnum(owner, path, key, strings, schema) };
    switch (schema['type']) {
      case 'array':
        return this.#repeated(owner, path, schema, key);
      case 'object':
        return this.#object(owner, path, schema, key);
      default: {
        const scalar = scalarOf(schema);
        if (scalar !== undefined) return scalar;
        throw new UnservableSchema(path, `${nameOf(schema)}: ${ONE_TYPE}`);
      }
    }
  }

  #repeated(owner: ProtoMessage, path: string, schema: JsonSchema, key: string): ProtoType {
    if (schema['prefixItems'] !== undefined) {
      throw new UnservableSchema(path, `a tuple: ${ONE_TYPE}`);
    }
    const items = (schema['items'] ?? {}) as JsonSchema;
    const item = this.#type(owner, `${path}[]`, items, key);
    if (item.kind !== 'repeated' && item.kind !== 'map') return { kind: 'repeated', item };
    return { kind: 'repeated', item: wrap(owner, `${wrapperIn(item) ?? key}-list`, 'items', item) };
  }

  #object(owner: ProtoMessage, path: string, schema: JsonSchema, key: string): ProtoType {
    const more = schema['additionalProperties'];
    if (typeof more === 'object' && more !== null) {
      // Fields of which the schema says nothing would be lost in a message.
      if (Object.keys(schema['properties'] ?? {}).length > 0) return { kind: 'value' };
      if (isAnything(more as JsonSchema)) return { kind: 'value' };
      const value = this.#type(owner, `${path}.*`, more as JsonSchema, key);
      if (value.kind !== 'repeated' && value.kind !== 'map') return { kind: 'map', value };
      return {
        kind: 'map',
        value: wrap(owner, `${wrapperIn(value) ?? key}-items`, 'items', value),
      };
    }
    const message = addMessage(owner, path, key, '');
    this.#fill(message, schema, path);
    return { kind: 'message', of: message };
  }

  #referred(owner: ProtoMessage, path: string, reference: string, key: string): ProtoType {
    const known = this.#known.get(reference);
    if (known !== undefined) return { kind: 'message', of: known };
    const target = resolve(this.#root, reference);
    if (target === undefined) throw new UnservableSchema(path, `${reference} leads nowhere`);
    if (isAnything(target)) return { kind: 'value' };
    if (!isObject(target)) return this.#type(owner, path, target, key);
    const message = addMessage(owner, path, key, commentOf(target));
    this.#known.set(reference, message);
    this.#fill(message, target, path);
    return { kind: 'message', of: message };
  }
}

function newMessage(name: string, scope: string, comment: string): ProtoMessage {
  const fullName = scope === '' ? name : `${scope}.${name}`;
  return { name, fullName, comment, fields: [], messages: [], enums: [] };
}

function addMessage(owner: ProtoMessage, path: string, key: string, comment: string): ProtoMessage {
  const name = freeName(owner, path, key);
  const message = newMessage(name, owner.fullName, comment);
  owner.messages.push(message);
  return message;
}

function wrap(owner: ProtoMessage, key: string, field: string, type: ProtoType): ProtoType {
  const message = addMessage(owner, owner.fullName, key, '');
  message.fields.push({
    ...{ key: field, name: field, number: 1, type },
    ...{ isRequired: true, isNullable: false, hasPresence: false, comment: '' },
  });
  return { kind: 'wrapped', of: message };
}

/** The wrapper inside a list or map, after which the one around it is named: `GridList` → `GridListList`. */
function wrapperIn(type: ProtoType): string | undefined {
  if (type.kind === 'repeated' && type.item.kind === 'wrapped') return type.item.of.name;
  return type.kind === 'map' && type.value.kind === 'wrapped' ? type.value.of.name : undefined;
}

/** Every map has a message of its own in the scope of its field, which nobody has written. */
function assertEntriesFree(owner: ProtoMessage, path: string): void {
  const taken = new Set([...owner.messages, ...owner.enums].map(({ name }) => name));
  for (const field of owner.fields) {
    if (field.type.kind !== 'map') continue;
    const name = toMapEntryName(field.name);
    if (taken.has(name)) {
      throw new UnservableSchema(
        `${path}.${field.key}`,
        `a second type "${name}" beside that of its map; rename one of the fields`,
      );
    }
    taken.add(name);
  }
}

function freeName(owner: ProtoMessage, path: string, key: string): string {
  const base = toTypeName(key);
  const name = SHARED.has(base) ? `${base}Object` : base;
  if ([...owner.messages, ...owner.enums].some((other) => other.name === name)) {
    throw new UnservableSchema(path, `a second type "${name}" beside it; rename the field`);
  }
  return name;
}

function addEnum(
  owner: ProtoMessage,
  path: string,
  key: string,
  strings: readonly string[],
  schema: JsonSchema,
): ProtoEnum {
  const name = freeName(owner, path, key);
  const chosen = (schema['values'] ?? {}) as Record<string, unknown>;
  const numbered = strings.map((text) => ({ key: text, chosen: chosen[text] }));
  const example = `.meta({ values: { ${JSON.stringify(strings[0])}: 1 } }) on the enum`;
  const numbers = assignNumbers(path, numbered, example);
  const prefix = toConstantPrefix(key);
  const values = strings.map((text) => {
    const constant = toConstantName(text) || 'EMPTY';
    return {
      key: text,
      name: `${prefix}_${constant}`,
      number: numbers.get(text) ?? 0,
    };
  });
  const zeroName = `${prefix}_UNSPECIFIED`;
  assertConstantsFree(owner, path, [zeroName, ...values.map((value) => value.name)]);
  const made = { name, zeroName, values };
  owner.enums.push(made);
  return made;
}

/** Constants stand in the scope around their enum, so that those of all enums of a message must differ. */
function assertConstantsFree(owner: ProtoMessage, path: string, constants: string[]): void {
  const taken = new Set(
    owner.enums.flatMap(({ zeroName, values }) => [zeroName, ...values.map(({ name }) => name)]),
  );
  for (const constant of constants) {
    if (taken.has(constant)) {
      throw new UnservableSchema(path, `two values are both "${constant}"; rename one`);
    }
    taken.add(constant);
  }
}

/** A schema that also takes null, without that. */
function withoutNull(schema: JsonSchema): { schema: JsonSchema; isNullable: boolean } {
  const { type, anyOf, enum: values } = schema;
  if (Array.isArray(type) && type.includes('null')) {
    const rest = (type as unknown[]).filter((name) => name !== 'null');
    return { schema: { ...schema, type: rest.length === 1 ? rest[0] : rest }, isNullable: true };
  }
  if (Array.isArray(anyOf) && !isAnything(schema)) {
    const rest = (anyOf as JsonSchema[]).filter((one) => one['type'] !== 'null');
    const [only] = rest;
    if (rest.length === 1 && only !== undefined && rest.length < anyOf.length) {
      return { schema: { ...schema, anyOf: undefined, ...only }, isNullable: true };
    }
  }
  if (Array.isArray(values) && values.includes(null)) {
    const rest = (values as unknown[]).filter((value) => value !== null);
    return { schema: { ...schema, enum: rest }, isNullable: true };
  }
  return { schema, isNullable: false };
}

function isObject(schema: JsonSchema): boolean {
  const more = schema['additionalProperties'];
  return schema['type'] === 'object' && (typeof more !== 'object' || more === null);
}

const JSON_TYPES = ['array', 'boolean', 'null', 'number', 'object', 'string'];

/** Whether any JSON fits: a schema that says nothing, or a union of every type, as z.json() is. */
function isAnything(schema: JsonSchema): boolean {
  const { anyOf } = schema;
  if (Array.isArray(anyOf)) {
    const types = new Set((anyOf as JsonSchema[]).map((one) => one['type']));
    return JSON_TYPES.every((type) => types.has(type));
  }
  const says = ['type', '$ref', 'enum', 'const', 'oneOf', 'allOf', 'not', 'x-tensor'];
  return says.every((word) => schema[word] === undefined);
}

/** The strings of an enum or a constant; undefined when the schema is neither. */
function stringsOf(schema: JsonSchema): string[] | undefined {
  const values = schema['enum'] ?? (schema['const'] === undefined ? undefined : [schema['const']]);
  if (!Array.isArray(values) || values.length === 0) return undefined;
  return values.every((value) => typeof value === 'string') ? values : undefined;
}

function resolve(root: JsonSchema, reference: string): JsonSchema | undefined {
  if (!reference.startsWith('#')) return undefined;
  const names = reference.slice(1).split('/').slice(1);
  let found: unknown = root;
  for (const name of names) found = (found as Record<string, unknown> | undefined)?.[name];
  return found as JsonSchema | undefined;
}

function nameOf(schema: JsonSchema): string {
  if (schema['anyOf'] !== undefined || schema['oneOf'] !== undefined) return 'a union';
  if (schema['allOf'] !== undefined) return 'an intersection';
  if (Array.isArray(schema['type'])) return `one of ${schema['type'].join(', ')}`;
  return `type ${JSON.stringify(schema['type'])}`;
}

function commentOf(schema: JsonSchema, isRequired = false): string {
  const text = typeof schema['description'] === 'string' ? schema['description'] : '';
  const value = schema['default'];
  const json = value === undefined ? '' : JSON.stringify(value);
  const rest = json === '' || json.length > 60 ? '' : `Default ${json}`;
  return [isRequired ? 'Required' : '', text, rest].filter((part) => part !== '').join('. ');
}
