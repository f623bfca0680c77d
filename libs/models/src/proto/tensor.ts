import { toWellFormed } from '../well-formed.js';
import type { ProtoObject } from './proto-type.js';

interface TensorJson {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data?: unknown;
}

/** `{dtype, shape, data}` with base64, or strings for the dtype `string` → message Tensor. */
export function tensorToProto(json: unknown): ProtoObject {
  const { dtype, shape, data } = (json ?? {}) as TensorJson;
  const object = { dtype, shape: shape ?? [] };
  if (Array.isArray(data))
    return { ...object, strings: data.map((item) => toWellFormed(String(item))) };
  return { ...object, data: Buffer.from(typeof data === 'string' ? data : '', 'base64') };
}

/** Message Tensor → `{dtype, shape, data}`, for the model's schema to check. */
export function tensorFromProto(object: ProtoObject): TensorJson {
  const { dtype = '', shape = [], data, strings = [] } = object;
  const bytes = Buffer.from((data ?? []) as Uint8Array);
  return {
    dtype,
    shape: (shape as (string | number)[]).map(Number),
    data: dtype === 'string' ? strings : bytes.toString('base64'),
  };
}
