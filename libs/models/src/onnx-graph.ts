import { readFile } from 'node:fs/promises';
import protobuf from 'protobufjs/light.js';
import type { TensorDtype } from './tensor-elements.js';
import type { TensorDimension } from './tensor-value.js';

/** One input or output of a graph. */
export interface GraphValue {
  readonly name: string;
  readonly dtype: TensorDtype;
  /** Undefined when the graph does not say. */
  readonly shape: readonly TensorDimension[] | undefined;
  readonly description: string | undefined;
}

export interface OnnxGraph {
  readonly description: string | undefined;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

/**
 * Reads the inputs and outputs of an ONNX file without the native library, which only model hosts load.
 * Weights are skipped, and kept nowhere.
 * @throws {Error} when it is no ONNX file, or a value of the graph is no tensor that JavaScript can hold
 */
export async function readOnnxGraph(file: string): Promise<OnnxGraph> {
  const { graph, docString } = decode(await readFile(file));
  // Older files list their weights as inputs, too.
  const weights = new Set(graph.initializer?.map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !weights.has(name));
  return {
    description: docString ?? graph.docString,
    inputs: inputs.map((value) => readValue('input', value)),
    outputs: (graph.output ?? []).map((value) => readValue('output', value)),
  };
}

/** The part of onnx.proto that is read, with the numbers that ONNX gives to its fields. */
const { root } = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        docString: { type: 'string', id: 6 },
        graph: { type: 'GraphProto', id: 7 },
      },
    },
    GraphProto: {
      fields: {
        initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
        docString: { type: 'string', id: 10 },
        input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
        output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
      },
    },
    TensorProto: { fields: { name: { type: 'string', id: 8 } } },
    ValueInfoProto: {
      fields: {
        name: { type: 'string', id: 1 },
        type: { type: 'TypeProto', id: 2 },
        docString: { type: 'string', id: 3 },
      },
    },
    TypeProto: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    TensorType: {
      fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } },
    },
    TensorShapeProto: { fields: { dim: { rule: 'repeated', type: 'Dimension', id: 1 } } },
    Dimension: {
      fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } },
    },
  },
});

interface ValueInfo {
  readonly name?: string;
  readonly docString?: string;
  readonly type?: {
    readonly tensorType?: {
      readonly elemType?: number;
      readonly shape?: { readonly dim?: readonly Dimension[] };
    };
  };
}

interface Dimension {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

interface Graph {
  readonly docString?: string;
  readonly initializer?: readonly { readonly name?: string }[];
  readonly input?: readonly ValueInfo[];
  readonly output?: readonly ValueInfo[];
}

function decode(bytes: Uint8Array): { graph: Graph; docString?: string } {
  const type = root.lookupType('ModelProto');
  const none =
    'is not an ONNX file; export the model anew, as one file or with its weights beside it';
  let model: { graph?: Graph; docString?: string; irVersion?: number };
  try {
    model = type.toObject(type.decode(bytes), { longs: Number });
  } catch (cause) {
    throw new Error(none, { cause });
  }
  const { graph, irVersion } = model;
  if (graph?.output === undefined || irVersion === undefined) throw new Error(none);
  return { ...model, graph };
}

/** Numbers of TensorProto.DataType. */
const DTYPES: Readonly<Record<number, TensorDtype>> = {
  ...{ 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64' },
  ...{ 8: 'string', 9: 'bool', 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64' },
};

/** For messages: those that ONNX has and JavaScript has not. */
const FOREIGN_DTYPES: Readonly<Record<number, string>> = {
  ...{ 14: 'complex64', 15: 'complex128', 16: 'bfloat16', 17: 'float8e4m3fn' },
  ...{ 18: 'float8e4m3fnuz', 19: 'float8e5m2', 20: 'float8e5m2fnuz', 21: 'uint4', 22: 'int4' },
};

function readValue(
  side: 'input' | 'output',
  { name = '', type, docString }: ValueInfo,
): GraphValue {
  const tensor = type?.tensorType;
  if (tensor === undefined) {
    throw new Error(
      `${side} "${name}" is a sequence, a map or an optional; export the graph with tensors only, or write model.ts beside it`,
    );
  }
  const { elemType = 0 } = tensor;
  const dtype = DTYPES[elemType];
  if (dtype === undefined) {
    const foreign = FOREIGN_DTYPES[elemType] ?? `type ${elemType}`;
    throw new Error(
      `${side} "${name}" holds ${foreign}, which JavaScript cannot; cast it to float32 in the graph`,
    );
  }
  // A graph may say that there is a shape and nothing of its dimensions: a scalar.
  const shape =
    tensor.shape === undefined ? undefined : (tensor.shape.dim ?? []).map(readDimension);
  return { name, dtype, shape, description: docString === '' ? undefined : docString };
}

/** Sizes below one are what some exporters write for any. */
function readDimension({ dimValue, dimParam }: Dimension): TensorDimension {
  if (dimParam !== undefined && dimParam !== '') return dimParam;
  return dimValue !== undefined && dimValue > 0 ? dimValue : null;
}
