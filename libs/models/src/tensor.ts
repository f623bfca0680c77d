import type { TypedTensor } from 'onnxruntime-common';
import { z } from 'zod';
import { TENSOR_DTYPES, type TensorDtype } from './tensor-elements.js';
import {
  isSize,
  Misfit,
  readTensor,
  type TensorAnnotation,
  type TensorDimension,
  type TensorJson,
} from './tensor-value.js';

/**
 * A schema for a tensor, for inputs, events and outputs alike: it takes {@link TensorJson} or a tensor of
 * ONNX Runtime, and gives a tensor that becomes `TensorJson` again when it is encoded.
 *
 *     input: z.object({ pixels: tensor('float32', ['batch', 3, 224, 224]) })
 *
 * @throws {TypeError} for a dtype that there is not, or a dimension that is none
 */
export function tensor<Type extends TensorDtype>(
  dtype: Type,
  shape?: readonly TensorDimension[],
): z.ZodType<TypedTensor<Type>, TensorJson | TypedTensor<Type>> {
  assertDtype(dtype);
  for (const dimension of shape ?? []) assertDimension(dimension);
  const annotation: TensorAnnotation = { dtype, ...(shape === undefined ? {} : { shape }) };
  const schema = z.preprocess(
    (value, ctx) => {
      try {
        return readTensor(annotation, value);
      } catch (error) {
        if (!(error instanceof Misfit)) throw error;
        ctx.addIssue({ code: 'custom', message: error.message, path: error.path, input: value });
        return z.NEVER;
      }
    },
    z.any().meta(describe(annotation)),
  );
  return schema as unknown as z.ZodType<TypedTensor<Type>, TensorJson | TypedTensor<Type>>;
}

function assertDtype(dtype: string): void {
  if ((TENSOR_DTYPES as readonly string[]).includes(dtype)) return;
  throw new TypeError(
    `tensor: there is no dtype ${JSON.stringify(dtype)} here; use one of: ${TENSOR_DTYPES.join(', ')}.`,
  );
}

function assertDimension(dimension: TensorDimension): void {
  if (dimension === null || isSize(dimension)) return;
  if (typeof dimension === 'string' && dimension !== '') return;
  throw new TypeError(
    `tensor: the dimension ${JSON.stringify(dimension)} must be a whole number from 0, a name such as "batch", or null for any.`,
  );
}

function describe(annotation: TensorAnnotation): Record<string, unknown> {
  const strings = { type: 'array', items: { type: 'string' } };
  const bytes = { type: 'string', contentEncoding: 'base64' };
  const numbers = { type: 'array', items: { type: ['number', 'string', 'boolean'] } };
  return {
    type: 'object',
    properties: {
      dtype: { const: annotation.dtype },
      shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
      data: annotation.dtype === 'string' ? strings : { anyOf: [bytes, numbers] },
    },
    required: ['dtype', 'shape', 'data'],
    'x-tensor': annotation,
  };
}
