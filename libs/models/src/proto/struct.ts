import { toWellFormed } from '../well-formed.js';

/** google.protobuf.Value as protobufjs holds it. */
export interface StructValue {
  readonly nullValue?: 0;
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: Struct;
  readonly listValue?: { readonly values?: readonly StructValue[] };
}

/** google.protobuf.Struct as protobufjs holds it. */
export interface Struct {
  readonly fields?: Readonly<Record<string, StructValue>>;
}

/** Any JSON → google.protobuf.Value. */
export function toStruct(json: unknown): StructValue {
  switch (typeof json) {
    case 'number':
      return { numberValue: json };
    case 'string':
      return { stringValue: toWellFormed(json) };
    case 'boolean':
      return { boolValue: json };
    case 'object':
      if (json === null) return { nullValue: 0 };
      if (Array.isArray(json)) return { listValue: { values: json.map(toStruct) } };
      return { structValue: toStructObject(json) };
    default:
      return { nullValue: 0 };
  }
}

/** A JSON object → google.protobuf.Struct. */
export function toStructObject(json: object): Struct {
  const fields = Object.create(null) as Record<string, StructValue>;
  for (const [key, item] of Object.entries(json)) {
    if (item !== undefined) fields[toWellFormed(key)] = toStruct(item);
  }
  return { fields };
}

/** google.protobuf.Value → JSON; one of which nothing is set is null. */
export function fromStruct(value: StructValue): unknown {
  const { structValue, listValue } = value;
  if (listValue !== undefined) return (listValue.values ?? []).map(fromStruct);
  if (structValue !== undefined) {
    const json = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of Object.entries(structValue.fields ?? {}))
      json[key] = fromStruct(item);
    return json;
  }
  return value.numberValue ?? value.stringValue ?? value.boolValue ?? null;
}
