import type { JsonSchema } from '../manifest.js';
import type { ProtoType, ScalarName } from './proto-type.js';

const FLOAT_MAX = 3.4028234663852886e38;

const scalar = (name: ScalarName): ProtoType => ({ kind: 'scalar', name });

/** The proto type of a string, number or boolean; undefined for everything else. */
export function scalarOf(schema: JsonSchema): ProtoType | undefined {
  switch (schema['type']) {
    case 'string':
      return stringOf(schema);
    case 'boolean':
      return scalar('bool');
    case 'integer':
      return scalar(integerOf(schema));
    case 'number':
      return scalar(isRange(schema, -FLOAT_MAX, FLOAT_MAX) ? 'float' : 'double');
    default:
      return undefined;
  }
}

function stringOf(schema: JsonSchema): ProtoType {
  const encoding = schema['contentEncoding'] ?? schema['format'];
  if (encoding === 'base64' || encoding === 'base64url') return { kind: 'bytes', encoding };
  return scalar('string');
}

/** Only exactly these bounds, which z.int32() and z.uint32() have: a narrower range may be widened later. */
function integerOf(schema: JsonSchema): ScalarName {
  if (isRange(schema, -2_147_483_648, 2_147_483_647)) return 'int32';
  return isRange(schema, 0, 4_294_967_295) ? 'uint32' : 'int64';
}

function isRange(schema: JsonSchema, min: number, max: number): boolean {
  return schema['minimum'] === min && schema['maximum'] === max;
}
