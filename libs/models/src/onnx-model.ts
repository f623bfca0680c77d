import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { z } from 'zod';
import { faultsOf } from '@stepcast/protocol';
import { defineModel, MODEL_NAME_PATTERN } from './define-model.js';
import type { Model } from './definition.js';
import { readOnnxGraph, type GraphValue, type OnnxGraph } from './onnx-graph.js';
import { concatRows, splitRows, type Tensors } from './tensor-rows.js';
import { tensor } from './tensor.js';

/** The graph that is a model without code. */
export const GRAPH_FILE = 'model.onnx';

const SETTINGS_FILE = 'model.json';

/** Jobs of one graph that run as one: where more gain little, and a viewer does not wait for long. */
const DEFAULT_MAX_SIZE = 32;

/** What may be said of a graph beside it. */
const settingsSchema = z.strictObject({
  name: z.string().optional(),
  description: z.string().optional(),
  version: z.string().optional(),
  examples: z.array(z.record(z.string(), z.unknown())).optional(),
  /** False when the graph computes something else for a row among others than for the row alone. */
  batch: z
    .union([
      z.literal(false),
      z.strictObject({ maxSize: z.int().optional(), maxWaitMs: z.number().optional() }),
    ])
    .optional(),
});

type Settings = z.output<typeof settingsSchema>;

/**
 * The model that a folder with `model.onnx` and no code is: its inputs and outputs are those of the graph,
 * and a run is one `session.run`. When they all have the same first dimension with a name, jobs run
 * together: their rows are one tensor.
 * @throws {Error} naming the file, the value and the fix
 */
export async function createOnnxModel(directory: string): Promise<Model> {
  const settings = await readSettings(directory);
  const graph = await readOnnxGraph(path.join(directory, GRAPH_FILE)).catch((cause: unknown) => {
    throw new Error(`${GRAPH_FILE}: ${(cause as Error).message}`, { cause });
  });
  const name = settings.name ?? nameOf(directory);
  const spec = {
    name,
    description: settings.description ?? graph.description ?? `Runs the graph of ${name}.`,
    ...(settings.version === undefined ? {} : { version: settings.version }),
    examples: (settings.examples ?? []) as z.input<ReturnType<typeof schemaOf>>[],
    input: schemaOf(graph.inputs),
    output: schemaOf(graph.outputs),
    load: (env: { session(file: string): Promise<InferenceSession> }) => env.session(GRAPH_FILE),
  };
  const rows = settings.batch === false ? undefined : sharedRows(graph);
  if (rows === undefined) {
    return defineModel({
      ...spec,
      run: (input, { loaded }) => runGraph(loaded, input),
    });
  }
  return defineModel({
    ...spec,
    batch: { maxSize: DEFAULT_MAX_SIZE, ...withoutUndefined(settings.batch), groupBy: shapeOfRows },
    runBatch: async (inputs, { loaded }) =>
      splitRows(await runGraph(loaded, concatRows(inputs)), inputs),
  });
}

function nameOf(directory: string): string {
  const name = path.basename(directory);
  if (MODEL_NAME_PATTERN.test(name)) return name;
  throw new Error(
    `${JSON.stringify(name)} cannot be the name of a model; write { "name": "my-model" } in ${SETTINGS_FILE}, ` +
      'with lower-case letters, digits, "-" and "_".',
  );
}

async function runGraph(session: InferenceSession, feeds: Tensors): Promise<Tensors> {
  return await session.run(feeds);
}

function schemaOf(values: readonly GraphValue[]) {
  const fields = values.map(({ name, dtype, shape, description }) => {
    const schema: z.ZodType<Tensor> = tensor(dtype, shape);
    return [name, description === undefined ? schema : schema.describe(description)] as const;
  });
  return z.object(Object.fromEntries(fields));
}

/**
 * The name of the first dimension, if it is that of every input and output, and of no other dimension: of a
 * graph that compares all rows with all others no part belongs to one job.
 */
function sharedRows({ inputs, outputs }: OnnxGraph): string | undefined {
  const shapes = [...inputs, ...outputs].map(({ shape }) => shape ?? []);
  const names = new Set(shapes.map(([first]) => first));
  const [name] = names;
  if (inputs.length === 0 || names.size > 1 || typeof name !== 'string') return undefined;
  return shapes.some(([, ...others]) => others.includes(name)) ? undefined : name;
}

/** Rows of one shape can be one tensor. */
function shapeOfRows(input: Tensors): string {
  return Object.keys(input)
    .sort()
    .map((name) => input[name]?.dims.slice(1).join('x'))
    .join();
}

function withoutUndefined(batch: Settings['batch']): { maxSize?: number; maxWaitMs?: number } {
  if (batch === undefined || batch === false) return {};
  return Object.fromEntries(Object.entries(batch).filter(([, value]) => value !== undefined));
}

async function readSettings(directory: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(path.join(directory, SETTINGS_FILE), 'utf8');
  } catch {
    return {};
  }
  const result = settingsSchema.safeParse(parseJson(text));
  if (result.success) return result.data;
  const faults = faultsOf(result.error).map(({ path: at, message }) => `${at}: ${message}`);
  throw new Error(`${SETTINGS_FILE}: ${faults.join('; ')}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${SETTINGS_FILE} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
