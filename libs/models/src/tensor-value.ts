import { Tensor } from './ort-tensor.js';
import {
  decodeElements,
  encodeElements,
  TensorDataError,
  type TensorData,
  type TensorDtype,
} from './tensor-elements.js';

/**
 * One dimension: its size, a name for a size that a value chooses, or null for any. Within one value
 * all dimensions of one name have one size.
 */
export type TensorDimension = number | string | null;

/** A tensor as JSON: what clients send and get. */
export interface TensorJson {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /**
   * Base64 of the elements' bytes, little-endian; an array of strings for the dtype `string`. A client
   * may also send one flat array of numbers.
   */
  readonly data: string | readonly (number | string | boolean)[];
}

/** Where a tensor keeps the names of its dimensions, for {@link sameDimensions}. */
export const DIMENSIONS = Symbol.for('stepcast.dimensions');

/** What a tensor schema says of itself in JSON Schema, under `x-tensor`. */
export interface TensorAnnotation {
  readonly dtype: TensorDtype;
  /** Absent when any shape will do. */
  readonly shape?: readonly TensorDimension[];
}

/**
 * Whether a value is a tensor of ONNX Runtime, whichever of its copies made it. A plain object, such as any
 * JSON, is none, whatever its fields say.
 */
export function isTensor(value: unknown): value is Tensor {
  if (typeof value !== 'object' || value === null || isPlain(value)) return false;
  const { type, dims, location } = value as Partial<Tensor>;
  return typeof type === 'string' && Array.isArray(dims) && typeof location === 'string';
}

/** Whether an object was made by no class; also one of another realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What is wrong with a tensor, and in which part of it. */
export class Misfit extends Error {
  readonly path: string[];

  constructor(path: string[], message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * A tensor that becomes {@link TensorJson} when it is encoded, of one or the other.
 * @throws {Misfit}
 */
export function readTensor(annotation: TensorAnnotation, value: unknown): Tensor {
  const { dtype, dims, read } = isTensor(value) ? fromRuntime(value) : fromJson(value);
  if (dtype !== annotation.dtype) {
    const found = typeof dtype === 'string' ? `"${dtype.slice(0, 16)}"` : 'missing';
    throw new Misfit(['dtype'], `must be "${annotation.dtype}", is ${found}`);
  }
  assertShape(annotation, dims);
  const count = dims.reduce((product, size) => product * size, 1);
  const { elements, made } = asMisfit(() => {
    const elements = read(annotation.dtype, count);
    const type = annotation.dtype as 'float32';
    return { elements, made: new Tensor(type, elements as Float32Array, dims) };
  });
  Object.defineProperty(made, DIMENSIONS, { value: annotation.shape ?? [] });
  return Object.defineProperty(made, 'toJSON', {
    value: (): TensorJson => ({
      dtype: annotation.dtype,
      shape: dims,
      data: encodeElements(elements),
    }),
  });
}

/** What the runtime does not take, such as a tensor that is disposed of, is wrong in the value. */
function asMisfit<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (error instanceof Misfit) throw error;
    throw new Misfit([], `is no tensor: ${(error as Error).message}`);
  }
}

interface Parts {
  readonly dtype: unknown;
  readonly dims: readonly number[];
  /** The elements, once dtype and shape are known to be right. */
  readonly read: (dtype: TensorDtype, count: number) => TensorData;
}

function fromRuntime(value: Tensor): Parts {
  if (value.location !== 'cpu' && value.location !== 'cpu-pinned') {
    throw new Misfit([], `lies on ${value.location}; write: await tensor.getData(true) first`);
  }
  return { dtype: value.type, dims: value.dims, read: () => value.data };
}

function fromJson(value: unknown): Parts {
  if (typeof value !== 'object' || value === null) {
    throw new Misfit([], 'must be a tensor: { dtype, shape, data }');
  }
  const { dtype, shape, data } = value as { dtype?: unknown; shape?: unknown; data?: unknown };
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new Misfit(['shape'], 'must be an array of whole numbers from 0');
  }
  return { dtype, dims: shape, read: (type, count) => decode(type, data, count) };
}

/** Whether a value can be the size of a dimension. */
export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function decode(dtype: TensorDtype, data: unknown, count: number): TensorData {
  try {
    return decodeElements(dtype, data, count);
  } catch (error) {
    if (error instanceof TensorDataError) throw new Misfit(['data'], error.message);
    throw error;
  }
}

function assertShape({ shape }: TensorAnnotation, dims: readonly number[]): void {
  if (shape === undefined) return;
  const sizes = new Map<string, number>();
  const fits = shape.every((dimension, index) => {
    const size = dims[index] ?? -1;
    if (typeof dimension === 'number') return size === dimension;
    if (dimension === null) return true;
    const known = sizes.get(dimension) ?? size;
    sizes.set(dimension, known);
    return known === size;
  });
  if (fits && dims.length === shape.length) return;
  throw new Misfit(['shape'], `must be [${shape.map(asText).join(', ')}], is [${cut(dims)}]`);
}

/** Longest list of sizes in a message. */
const MAX_SIZES = 16;

function cut(dims: readonly number[]): string {
  const shown = dims.slice(0, MAX_SIZES).join(', ');
  return dims.length > MAX_SIZES ? `${shown}, … (${dims.length} dimensions)` : shown;
}

function asText(dimension: TensorDimension): string {
  return String(dimension ?? 'any');
}
