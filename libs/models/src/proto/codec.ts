import type { InputFault } from '@stepcast/protocol';
import { toWellFormed } from '../well-formed.js';
import type { MessageType } from './from-schema.js';
import type { ProtoField, ProtoMessage, ProtoObject, ProtoType } from './proto-type.js';
import { fromStruct, toStruct, type StructValue } from './struct.js';
import { tensorFromProto, tensorToProto } from './tensor.js';

/** JSON, as the model's schema knows it, → message. What the schema does not know is left out. */
export function toProto(type: MessageType, json: unknown): ProtoObject {
  return type.kind === 'wrapped' ? wrapped(type.of, json) : message(type.of, json);
}

function wrapped({ fields: [field] }: ProtoMessage, json: unknown): ProtoObject {
  if (field === undefined || json === null || json === undefined) return {};
  return { [field.name]: value(field.type, json) };
}

function message({ fields }: ProtoMessage, json: unknown): ProtoObject {
  const object: ProtoObject = {};
  if (typeof json !== 'object' || json === null) return object;
  for (const field of fields) {
    const found = Object.hasOwn(json, field.key)
      ? (json as Record<string, unknown>)[field.key]
      : undefined;
    // Any JSON may be null itself; elsewhere null is a field that is not set.
    const isMissing = found === undefined || (found === null && field.type.kind !== 'value');
    if (!isMissing) object[field.name] = value(field.type, found);
  }
  return object;
}

function value(type: ProtoType, json: unknown): unknown {
  switch (type.kind) {
    case 'scalar':
      return scalar(json);
    case 'bytes':
      return Buffer.from(String(json), type.encoding);
    case 'enum':
      return type.of.values.find(({ key }) => key === json)?.number ?? 0;
    case 'message':
    case 'wrapped':
      return toProto(type, json);
    case 'repeated':
      return (json as unknown[]).map((item) => value(type.item, item));
    case 'map':
      return mapObject(json as Record<string, unknown>, (item) => value(type.value, item));
    case 'value':
      return toStruct(json);
    case 'tensor':
      return tensorToProto(json);
  }
}

function scalar(json: unknown): unknown {
  return typeof json === 'string' ? toWellFormed(json) : json;
}

/** What a message stands for, and what is wrong with it that the model's schema could not see. */
export interface FromProto {
  readonly json: unknown;
  readonly faults: readonly InputFault[];
}

/** Message → JSON for the model's schema to check; a field that is not set is left out. */
export function fromProto(type: MessageType, object: ProtoObject): FromProto {
  const faults: InputFault[] = [];
  return { json: new Reading(faults).message(type, object, ''), faults };
}

class Reading {
  readonly #faults: InputFault[];

  constructor(faults: InputFault[]) {
    this.#faults = faults;
  }

  message(type: MessageType, object: ProtoObject, path: string): unknown {
    const { fields } = type.of;
    if (type.kind === 'wrapped') {
      const [field] = fields;
      return field === undefined ? undefined : this.#field(field, object, path);
    }
    const json: Record<string, unknown> = {};
    for (const field of fields) {
      const found = this.#field(field, object, join(path, field.key));
      if (found !== undefined) json[field.key] = found;
    }
    return json;
  }

  #field(field: ProtoField, object: ProtoObject, path: string): unknown {
    const found = object[field.name];
    if (found !== undefined && found !== null) return this.#value(field.type, found, path);
    if (!field.isRequired) return undefined;
    if (field.isNullable) return null;
    // An empty list and an empty map are not on the wire.
    if (field.type.kind === 'repeated') return [];
    return field.type.kind === 'map' ? {} : undefined;
  }

  #value(type: ProtoType, found: unknown, path: string): unknown {
    switch (type.kind) {
      case 'scalar':
        return type.name === 'int64' ? Number(found) : found;
      case 'bytes':
        return Buffer.from(found as Uint8Array).toString(type.encoding);
      case 'enum':
        return this.#enum(type, found as number, path);
      case 'message':
      case 'wrapped':
        return this.message(type, found as ProtoObject, path);
      case 'repeated':
        return (found as unknown[]).map((item, index) =>
          this.#value(type.item, item, join(path, String(index))),
        );
      case 'map':
        return mapObject(found as ProtoObject, (item, key) =>
          this.#value(type.value, item, join(path, key)),
        );
      case 'value':
        return fromStruct(found as StructValue);
      case 'tensor':
        return tensorFromProto(found as ProtoObject);
    }
  }

  #enum(type: ProtoType & { kind: 'enum' }, found: number, path: string): unknown {
    const { values, zeroName } = type.of;
    const known = values.find(({ number }) => number === found);
    if (known !== undefined) return known.key;
    // Zero says that nothing was chosen, as a field that is not set does.
    if (found === 0) return undefined;
    const names = values.map(({ name }) => name).join(', ');
    this.#faults.push({
      path,
      message: `${found} is no value of the enum; use ${names}, or ${zeroName} for the default`,
    });
    return undefined;
  }
}

function mapObject(
  object: Readonly<Record<string, unknown>>,
  map: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  // Without a prototype, because a key may be "__proto__".
  const mapped = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(object)) mapped[toWellFormed(key)] = map(item, key);
  return mapped;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
