import { describe, expect, it } from '@jest/globals';
import { faultsOf } from '@stepcast/protocol';
import { Tensor, tensor, z } from './index.js';
import { sameDimensions } from './same-dimensions.js';
import { TENSOR_DTYPES, type TensorDtype } from './tensor-elements.js';

const base64 = (array: ArrayBufferView) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

const faults = (schema: z.ZodType, value: unknown) => {
  const result = schema.safeParse(value);
  return result.success ? [] : faultsOf(result.error);
};

describe('tensor', () => {
  const samples: Record<TensorDtype, [data: unknown[], bytes: unknown]> = {
    float32: [[1.5, -2], base64(Float32Array.of(1.5, -2))],
    float64: [[1e300, 0.1], base64(Float64Array.of(1e300, 0.1))],
    float16: [[1, -65_504], base64(Uint16Array.of(0x3c00, 0xfbff))],
    int8: [[-128, 127], base64(Int8Array.of(-128, 127))],
    int16: [[-32_768, 1], base64(Int16Array.of(-32_768, 1))],
    int32: [[-5, 2 ** 31 - 1], base64(Int32Array.of(-5, 2 ** 31 - 1))],
    int64: [[-1, '9223372036854775807'], base64(BigInt64Array.of(-1n, 2n ** 63n - 1n))],
    uint8: [[0, 255], 'AP8='],
    uint16: [[0, 65_535], base64(Uint16Array.of(0, 65_535))],
    uint32: [[0, 2 ** 32 - 1], base64(Uint32Array.of(0, 2 ** 32 - 1))],
    uint64: [['18446744073709551615', 3], base64(BigUint64Array.of(2n ** 64n - 1n, 3n))],
    bool: [[true, 0], 'AQA='],
    string: [
      ['a', 'ü'],
      ['a', 'ü'],
    ],
  };

  it.each(TENSOR_DTYPES)('takes %s as numbers and as bytes, and gives bytes', (dtype) => {
    const [numbers, bytes] = samples[dtype];
    const schema = z.object({ t: tensor(dtype, ['n']) });
    const json = { t: { dtype, shape: [2], data: bytes } };

    const fromNumbers = schema.parse({ t: { dtype, shape: [2], data: numbers } });
    const fromBytes = schema.parse(json);

    expect(fromNumbers.t).toBeInstanceOf(Tensor);
    expect(fromNumbers.t.type).toBe(dtype);
    expect(JSON.parse(JSON.stringify(fromNumbers))).toEqual(json);
    expect(JSON.parse(JSON.stringify(fromBytes))).toEqual(json);
  });

  it('takes a tensor of the runtime, as a model gives it, and gives JSON', () => {
    const schema = tensor('float32', ['rows', 2]);
    const made = new Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]);

    const text = JSON.stringify(schema.parse(made));

    expect(JSON.parse(text)).toEqual({
      dtype: 'float32',
      shape: [2, 2],
      data: base64(Float32Array.of(1, 2, 3, 4)),
    });
  });

  it('copies the bytes that do not lie at a multiple of their size', () => {
    const schema = z.array(tensor('float64', [1]));
    const one = { dtype: 'float64', shape: [1], data: base64(Float64Array.of(7)) } as const;

    expect(schema.parse([one, one, one]).map(({ data }) => data[0])).toEqual([7, 7, 7]);
  });

  const pixels = z.object({ pixels: tensor('float32', ['batch', 2]) });
  const good = { dtype: 'float32', shape: [1, 2], data: [1, 2] };
  it.each([
    ['nothing', undefined, 'pixels', /must be a tensor/],
    ['another dtype', { ...good, dtype: 'int8' }, 'pixels.dtype', /must be "float32", is "int8"/],
    [
      'a fixed size',
      { ...good, shape: [1, 3] },
      'pixels.shape',
      /must be \[batch, 2\], is \[1, 3\]/,
    ],
    ['another rank', { ...good, shape: [2] }, 'pixels.shape', /must be \[batch, 2\], is \[2\]/],
    ['a size below 0', { ...good, shape: [-1, 2] }, 'pixels.shape', /whole numbers/],
    ['too few elements', { ...good, data: [1] }, 'pixels.data', /has 1 elements.*needs 2/],
    ['too few bytes', { ...good, data: 'AAAA' }, 'pixels.data', /has 3 bytes.*needs 8/],
    ['text', { ...good, data: 'a b' }, 'pixels.data', /not base64/],
    ['a hole', { ...good, data: [1, null] }, 'pixels.data', /element 1 is null/],
    ['an object', { ...good, data: {} }, 'pixels.data', /base64.*array/],
  ])('refuses %s with its path', (_name, value, path, message) => {
    expect(faults(pixels, { pixels: value })).toEqual([
      { path, message: expect.stringMatching(message) },
    ]);
  });

  it('takes no JSON for a tensor of the runtime', () => {
    const forged = { type: 'float32', dims: [1, 2], location: 'cpu', data: 'zzz' };

    for (const value of [forged, Object.assign(Object.create(null), forged)]) {
      expect(faults(pixels, { pixels: value })).toEqual([
        { path: 'pixels.shape', message: expect.stringMatching(/whole numbers/) },
      ]);
    }
  });

  it('refuses a tensor that is disposed of', () => {
    const gone = new Tensor('float32', Float32Array.of(1, 2), [1, 2]);
    gone.dispose();

    expect(faults(pixels, { pixels: gone })).toHaveLength(1);
  });

  it('cuts a long shape in its message', () => {
    const [fault] = faults(pixels, { pixels: { ...good, shape: Array(10_000).fill(1) } });

    expect(fault?.message).toMatch(/10000 dimensions/);
    expect(fault?.message.length).toBeLessThan(200);
  });

  it.each<[TensorDtype, unknown]>([
    ['int8', 128],
    ['uint8', -1],
    ['int32', 1.5],
    ['float32', 1e39],
    ['float16', 65_520],
    ['int64', 2 ** 53],
    ['int64', '9223372036854775808'],
    ['uint64', '-1'],
    ['int64', 'x'],
    ['bool', 2],
    ['string', 1],
  ])('refuses in %s the element %p', (dtype, element) => {
    expect(faults(tensor(dtype, [1]), { dtype, shape: [1], data: [element] })).toHaveLength(1);
  });

  it('refuses a byte that is no bool', () => {
    expect(faults(tensor('bool', [1]), { dtype: 'bool', shape: [1], data: 'Ag==' })).toHaveLength(
      1,
    );
  });

  it('gives one name one size within a value', () => {
    const square = tensor('int8', ['n', 'n']);
    const pair = z
      .object({ a: tensor('int8', ['n']), b: z.array(tensor('int8', ['n'])) })
      .superRefine(sameDimensions);
    const of = (...data: number[]) => ({ dtype: 'int8', shape: [data.length], data }) as const;

    expect(faults(square, { dtype: 'int8', shape: [1, 2], data: [1, 2] })).toHaveLength(1);
    expect(faults(pair, { a: of(1, 2), b: [of(3, 4)] })).toEqual([]);
    expect(faults(pair, { a: of(1, 2), b: [of(3, 4), of(5)] })).toEqual([
      { path: 'b.1.shape.0', message: expect.stringMatching(/"n" is 1 here and 2 in a/) },
    ]);
  });

  it('describes itself in JSON Schema, both ways and with what wraps it', () => {
    const schema = z.object({ t: tensor('float32', ['batch', 3, null]).optional().describe('x') });

    for (const io of ['input', 'output'] as const) {
      expect(z.toJSONSchema(schema, { io })).toMatchObject({
        properties: {
          t: {
            type: 'object',
            description: 'x',
            properties: { dtype: { const: 'float32' } },
            required: ['dtype', 'shape', 'data'],
            'x-tensor': { dtype: 'float32', shape: ['batch', 3, null] },
          },
        },
      });
      expect(z.toJSONSchema(schema, { io }).required).toBeUndefined();
    }
  });

  it('refuses a dtype or a dimension that there is not, saying which there are', () => {
    expect(() => tensor('bfloat16' as 'float32')).toThrow(/float16.*uint64/);
    expect(() => tensor('float32', [1.5])).toThrow(/whole number.*name/);
  });
});
