// Writes small ONNX files, so that tests need no other program to make one.
import protobuf from 'protobufjs/light.js';

/** Numbers of TensorProto.DataType. */
export const ELEMENT_TYPES = {
  float32: 1,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  bfloat16: 16,
};

export interface TinyValue {
  readonly name: string;
  readonly type: keyof typeof ELEMENT_TYPES;
  /** A number, a name, or null for any. */
  readonly shape?: readonly (number | string | null)[];
  /** A sequence of such tensors in place of one. */
  readonly isSequence?: boolean;
}

export interface TinyGraph {
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly nodes: readonly { op: string; inputs: string[]; outputs: string[] }[];
  /** Scalars of float32, listed as inputs as well, as older exporters do. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly description?: string;
}

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: 'repeated', type, id });

const { root } = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: one('int64', 1),
        docString: one('string', 6),
        graph: one('Graph', 7),
        opset: many('Opset', 8),
      },
    },
    Opset: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    Graph: {
      fields: {
        node: many('Node', 1),
        name: one('string', 2),
        initializer: many('Weight', 5),
        input: many('Value', 11),
        output: many('Value', 12),
      },
    },
    Node: { fields: { input: many('string', 1), output: many('string', 2), op: one('string', 4) } },
    Weight: {
      fields: { type: one('int32', 2), values: many('float', 4), name: one('string', 8) },
    },
    Value: { fields: { name: one('string', 1), type: one('Type', 2) } },
    Type: { fields: { tensor: one('TensorType', 1), sequence: one('Sequence', 4) } },
    Sequence: { fields: { of: one('Type', 1) } },
    TensorType: { fields: { element: one('int32', 1), shape: one('Shape', 2) } },
    Shape: { fields: { dim: many('Dimension', 1) } },
    Dimension: { fields: { value: one('int64', 1), param: one('string', 2) } },
  },
});

/** The bytes of a `model.onnx`. */
export function tinyOnnx(graph: TinyGraph): Uint8Array {
  const weights = Object.entries(graph.weights ?? {});
  const type = root.lookupType('Model');
  const model = type.fromObject({
    irVersion: 8,
    ...(graph.description === undefined ? {} : { docString: graph.description }),
    opset: [{ domain: '', version: 17 }],
    graph: {
      name: 'tiny',
      node: graph.nodes.map(({ op, inputs, outputs }) => ({ op, input: inputs, output: outputs })),
      initializer: weights.map(([name, value]) => ({ name, type: 1, values: [value] })),
      input: [
        ...graph.inputs.map(asValue),
        ...weights.map(([name]) => asValue({ name, type: 'float32', shape: [] })),
      ],
      output: graph.outputs.map(asValue),
    },
  });
  return type.encode(model).finish();
}

/** Adds 1 to every element of `x`, in rows of `width`. */
export function addOneOnnx(width = 3): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', width] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', width] }],
    nodes: [{ op: 'Add', inputs: ['x', 'one'], outputs: ['y'] }],
    weights: { one: 1 },
    description: 'Adds one.',
  });
}

function asValue({ name, type, shape, isSequence }: TinyValue) {
  const tensor = {
    element: ELEMENT_TYPES[type],
    ...(shape === undefined ? {} : { shape: { dim: shape.map(asDimension) } }),
  };
  return { name, type: isSequence === true ? { sequence: { of: { tensor } } } : { tensor } };
}

function asDimension(dimension: number | string | null) {
  if (dimension === null) return {};
  return typeof dimension === 'number' ? { value: dimension } : { param: dimension };
}
