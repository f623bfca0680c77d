import type { z } from 'zod';
import { DIMENSIONS, isTensor, type TensorDimension } from './tensor-value.js';

/**
 * For `superRefine` of a schema with several tensors: says where one name of a dimension has two sizes.
 * Models need not call it; it is added to the input and output of each.
 */
export function sameDimensions(value: unknown, ctx: z.RefinementCtx): void {
  const sizes = new Map<string, { size: number; place: string }>();
  for (const { path, names, dims } of findTensors(value, [], 0)) {
    for (const [index, name] of names.entries()) {
      const size = dims[index];
      if (typeof name !== 'string' || size === undefined) continue;
      const known = sizes.get(name);
      if (known === undefined) sizes.set(name, { size, place: path.join('.') });
      else if (known.size !== size) {
        const message = `dimension "${name}" is ${size} here and ${known.size} in ${known.place}; make them the same`;
        ctx.addIssue({ code: 'custom', message, path: [...path, 'shape', index] });
      }
    }
  }
}

interface FoundTensor {
  readonly path: (string | number)[];
  readonly names: readonly TensorDimension[];
  readonly dims: readonly number[];
}

/** Deeper than any JSON that is taken in. */
const MAX_DEPTH = 64;

function findTensors(value: unknown, path: (string | number)[], depth: number): FoundTensor[] {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return [];
  if (isTensor(value)) {
    const names = (value as { [DIMENSIONS]?: readonly TensorDimension[] })[DIMENSIONS] ?? [];
    return [{ path, names, dims: value.dims }];
  }
  if (ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    findTensors(item, [...path, key], depth + 1),
  );
}
