// One call of session.run that takes as long as its input says: a graph that multiplies matrices in a loop.
import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { defineModel, z } from '@stepcast/models';

const SIZE = 128;
const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;

// As much of protobuf as ONNX needs: varints, and fields of bytes.
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, content) => {
  const all = typeof content === 'string' ? [...Buffer.from(content)] : content.flat();
  return [...varint((field << 3) | 2), ...varint(all.length), ...all];
};

const value = (field, name, type, shape = []) => {
  const dimensions = shape.map((size) => bytes(1, number(1, size)));
  const tensor = [number(1, type), bytes(2, dimensions)];
  return bytes(field, [bytes(1, name), bytes(2, bytes(1, tensor))]);
};
const node = (type, inputs, outputs, attributes = []) =>
  bytes(1, [
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, type),
    ...attributes,
  ]);

/** y = x · x · … · x, `times` times. */
function encodeGraph() {
  const INPUT = 11;
  const OUTPUT = 12;
  const body = [
    node('MatMul', ['before', 'x'], ['after']),
    node('Identity', ['goes_on'], ['went_on']),
    bytes(2, 'body'),
    value(INPUT, 'index', INT64),
    value(INPUT, 'goes_on', BOOL),
    value(INPUT, 'before', FLOAT, [SIZE, SIZE]),
    value(OUTPUT, 'went_on', BOOL),
    value(OUTPUT, 'after', FLOAT, [SIZE, SIZE]),
  ];
  const GRAPH_ATTRIBUTE = 5;
  const attribute = [bytes(1, 'body'), bytes(6, body), number(20, GRAPH_ATTRIBUTE)];
  const graph = [
    node('Loop', ['times', '', 'x'], ['y'], [bytes(5, attribute)]),
    bytes(2, 'graph'),
    value(INPUT, 'times', INT64),
    value(INPUT, 'x', FLOAT, [SIZE, SIZE]),
    value(OUTPUT, 'y', FLOAT, [SIZE, SIZE]),
  ];
  const opset = bytes(8, [bytes(1, ''), number(2, 16)]);
  return Uint8Array.from([number(1, 8), opset, bytes(7, graph)].flat());
}

async function openSession() {
  // Only when it is wanted: the tests that do not want it need not wait for it.
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(encodeGraph(), { intraOpNumThreads: 1 });
  const x = new ort.Tensor('float32', new Float32Array(SIZE * SIZE).fill(1 / SIZE), [SIZE, SIZE]);
  return async (times) => {
    const begin = performance.now();
    await session.run({ times: new ort.Tensor('int64', [BigInt(times)], []), x });
    return performance.now() - begin;
  };
}

export default defineModel({
  name: 'ort-loop',
  description: 'Test.',
  input: z.object({ runMs: z.int() }),
  events: { step: { schema: z.object({ ms: z.number() }), fold: 'all' } },
  output: z.object({ ms: z.number() }),

  async *run({ runMs }, ctx) {
    const run = await openSession();
    let times = 16;
    let ms = await run(times);
    while (ms < 200) ms = await run((times *= 2));
    yield ctx.event('step', { ms });
    ms = await run(Math.ceil((times * runMs) / ms));
    yield ctx.event('step', { ms });
    return { ms };
  },
});
