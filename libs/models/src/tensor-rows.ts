import { Tensor } from './ort-tensor.js';

/** What goes into a graph, or comes out of it, by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** The rows of many inputs as one, along the first dimension; all have the same names and row shapes. */
export function concatRows(inputs: readonly Tensors[]): Tensors {
  const [first] = inputs;
  if (first === undefined || inputs.length === 1) return first ?? {};
  return Object.fromEntries(
    Object.entries(first).map(([name, like]) => {
      const parts = inputs.flatMap((input) => input[name] ?? []);
      const rows = parts.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
      const data = concatData(parts.map((part) => part.data as Data));
      return [name, create(like.type, data, [rows, ...like.dims.slice(1)])];
    }),
  );
}

/**
 * Gives each input the rows that are its own.
 * @throws {Error} when an output has another number of rows than the inputs
 */
export function splitRows(outputs: Tensors, inputs: readonly Tensors[]): Tensors[] {
  if (inputs.length === 1) return [outputs];
  const counts = inputs.map((input) => Object.values(input)[0]?.dims[0] ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const [name, { dims }] of Object.entries(outputs)) {
    if (dims[0] === total) continue;
    throw new Error(
      `The output "${name}" has ${dims[0]} rows for ${total}; write "batch": false in model.json.`,
    );
  }
  let from = 0;
  return counts.map((count) => {
    const part = Object.fromEntries(
      Object.entries(outputs).map(([name, whole]) => [name, takeRows(whole, from, count)]),
    );
    from += count;
    return part;
  });
}

type Data = Float32Array | string[];

function takeRows(whole: Tensor, from: number, count: number): Tensor {
  const [, ...row] = whole.dims;
  const size = row.reduce((product, dimension) => product * dimension, 1);
  const data = whole.data as Data;
  const [start, end] = [from * size, (from + count) * size];
  const part = Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end);
  return create(whole.type, part, [count, ...row]);
}

function concatData(parts: readonly Data[]): Data {
  const [first] = parts;
  if (first === undefined || Array.isArray(first)) return (parts as string[][]).flat();
  const arrays = parts as Float32Array[];
  const length = arrays.reduce((sum, part) => sum + part.length, 0);
  // Of the dtype's own kind: parts of one name have one dtype.
  const whole = new (first.constructor as Float32ArrayConstructor)(length);
  let at = 0;
  for (const part of arrays) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function create(type: Tensor['type'], data: Data, dims: readonly number[]): Tensor {
  return new Tensor(type as 'float32', data as Float32Array, dims);
}
