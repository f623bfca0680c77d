import { toHalf } from './half.js';

type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array;

/** How the elements of one dtype lie in memory and stand in JSON. Strings have no such form. */
interface Elements {
  readonly bytes: number;
  /** The buffer as elements, without a copy. */
  readonly view: (buffer: ArrayBuffer) => TypedArray;
  /** One element of a JSON array; undefined when the value does not fit. */
  readonly read: (value: unknown) => number | bigint | undefined;
  /** For the message: what fits. */
  readonly what: string;
}

/** The dtypes of ONNX Runtime that JavaScript can hold; bfloat16, float8 and the types of 4 bits are none. */
export const TENSOR_DTYPES = [
  ...['float32', 'float64', 'float16', 'int8', 'int16', 'int32', 'int64'],
  ...['uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string'],
] as readonly string[] as readonly TensorDtype[];

/** Elements of a {@link TENSOR_DTYPES tensor}. */
export type TensorDtype =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

const LARGEST_FLOAT16 = 65_504;

const ELEMENTS: Readonly<Record<Exclude<TensorDtype, 'string'>, Elements>> = {
  float32: { ...floats((value) => Math.fround(value)), bytes: 4, view: (b) => new Float32Array(b) },
  float64: { ...floats((value) => value), bytes: 8, view: (b) => new Float64Array(b) },
  float16: {
    bytes: 2,
    view: (b) => new Uint16Array(b),
    read: (value) =>
      typeof value === 'number' && Math.abs(value) <= LARGEST_FLOAT16 ? toHalf(value) : undefined,
    what: `a number from -${LARGEST_FLOAT16} to ${LARGEST_FLOAT16}`,
  },
  int8: { ...integers(-(2 ** 7), 2 ** 7 - 1), bytes: 1, view: (b) => new Int8Array(b) },
  int16: { ...integers(-(2 ** 15), 2 ** 15 - 1), bytes: 2, view: (b) => new Int16Array(b) },
  int32: { ...integers(-(2 ** 31), 2 ** 31 - 1), bytes: 4, view: (b) => new Int32Array(b) },
  uint8: { ...integers(0, 2 ** 8 - 1), bytes: 1, view: (b) => new Uint8Array(b) },
  uint16: { ...integers(0, 2 ** 16 - 1), bytes: 2, view: (b) => new Uint16Array(b) },
  uint32: { ...integers(0, 2 ** 32 - 1), bytes: 4, view: (b) => new Uint32Array(b) },
  int64: {
    ...bigIntegers((value) => BigInt.asIntN(64, value)),
    bytes: 8,
    view: (b) => new BigInt64Array(b),
  },
  uint64: {
    ...bigIntegers((value) => BigInt.asUintN(64, value)),
    bytes: 8,
    view: (b) => new BigUint64Array(b),
  },
  bool: {
    bytes: 1,
    view: (b) => new Uint8Array(b),
    read: (value) =>
      typeof value === 'boolean' || value === 0 || value === 1 ? Number(value) : undefined,
    what: 'true, false, 1 or 0',
  },
};

export type TensorData = TypedArray | string[];

/** Why data is refused, without the name of the field. */
export class TensorDataError extends Error {}

/**
 * What a client has sent, as elements: base64 of the bytes, or one array of numbers, in which the last
 * dimension varies fastest.
 * @throws {TensorDataError}
 */
export function decodeElements(dtype: TensorDtype, data: unknown, count: number): TensorData {
  if (dtype === 'string') return decodeStrings(data, count);
  if (typeof data === 'string') return decodeBase64(dtype, data, count);
  if (!Array.isArray(data)) {
    throw new TensorDataError('must be base64 of the bytes, or an array of numbers');
  }
  assertCount(data, count);
  const elements = ELEMENTS[dtype];
  const decoded = elements.view(new ArrayBuffer(count * elements.bytes));
  for (const [index, value] of data.entries()) {
    const element = elements.read(value);
    if (element === undefined) {
      const shown = JSON.stringify([value]).slice(1, -1).slice(0, 40);
      throw new TensorDataError(`element ${index} is ${shown}; ${dtype} needs ${elements.what}`);
    }
    decoded[index] = element;
  }
  return decoded;
}

/** Base64 of the bytes, little-endian as all machines are on which ONNX Runtime runs; strings as they are. */
export function encodeElements(data: TensorData): string | string[] {
  if (Array.isArray(data)) return data;
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

function decodeStrings(data: unknown, count: number): string[] {
  if (!Array.isArray(data) || !data.every((item) => typeof item === 'string')) {
    throw new TensorDataError('must be an array of strings');
  }
  assertCount(data, count);
  return data;
}

function decodeBase64(
  dtype: Exclude<TensorDtype, 'string'>,
  text: string,
  count: number,
): TensorData {
  const { bytes, view } = ELEMENTS[dtype];
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new TensorDataError('is not base64');
  const decoded = Buffer.from(text, 'base64');
  if (decoded.length !== count * bytes) {
    throw new TensorDataError(
      `has ${decoded.length} bytes, but the shape needs ${count * bytes}: ${count} of ${dtype}`,
    );
  }
  if (dtype === 'bool' && decoded.some((byte) => byte > 1)) {
    throw new TensorDataError('has a byte that is neither 0 nor 1');
  }
  // A copy, because a view needs an offset that is a multiple of its size.
  return view(new Uint8Array(decoded).buffer);
}

function assertCount(data: readonly unknown[], count: number): void {
  if (data.length === count) return;
  throw new TensorDataError(`has ${data.length} elements, but the shape needs ${count}`);
}

function floats(round: (value: number) => number): Pick<Elements, 'read' | 'what'> {
  return {
    read: (value) =>
      typeof value === 'number' && Number.isFinite(round(value)) ? value : undefined,
    what: 'a number that it can hold',
  };
}

function integers(least: number, most: number): Pick<Elements, 'read' | 'what'> {
  return {
    read: (value) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most
        ? (value as number)
        : undefined,
    what: `a whole number from ${least} to ${most}`,
  };
}

/** Whole numbers beyond 2^53 are no numbers of JSON: they come as decimal strings. */
function bigIntegers(wrap: (value: bigint) => bigint): Pick<Elements, 'read' | 'what'> {
  return {
    read: (value) => {
      const isWhole = Number.isSafeInteger(value) || /^-?\d{1,20}$/.test(asText(value));
      if (!isWhole) return undefined;
      const whole = BigInt(value as number | string);
      return wrap(whole) === whole ? whole : undefined;
    },
    what: 'a whole number of 64 bits, above 2^53 as a decimal string',
  };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
