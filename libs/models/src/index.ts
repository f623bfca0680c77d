export { Tensor } from './ort-tensor.js';
export type { InferenceSession } from 'onnxruntime-common';
export { z } from 'zod';
export { MAX_CHECKPOINT_BYTES } from './checkpoint.js';
export { defineModel, isModel, MODEL_NAME_PATTERN, MODEL_VERSION_PATTERN } from './define-model.js';
export type {
  BatchContext,
  BatchOptions,
  EventDefinition,
  EventDefinitions,
  Execution,
  JobContext,
  Model,
  ModelEnv,
  ModelEventType,
  ModelSpec,
  RunContext,
  RunResult,
  StepContext,
  StepOutcome,
  StepResult,
} from './definition.js';
export { MAX_DATA_BYTES, ModelEvent, type ModelProgress } from './model-event.js';
export { createRandom, restoreRandom, type Random } from './random.js';
export { sampleToken, type SamplingOptions } from './sampler.js';
export { createManifest, type JsonSchema, type ModelManifest } from './manifest.js';
export type { BrokenModel, ModelEntry } from './model-entry.js';
export { createRegistry, ModelRegistry, type RegistryChange } from './registry.js';
export { loadRegistry } from './load-registry.js';
export { watchModels, type ModelsWatch, type WatchOptions } from './watch-models.js';
export { tensor } from './tensor.js';
export type { TensorAnnotation, TensorDimension, TensorJson } from './tensor-value.js';
export { TENSOR_DTYPES, type TensorDtype } from './tensor-elements.js';
export { loadModel, type LoadedModel } from './load-model.js';
export type { ModelEnvOptions } from './model-env.js';
export type { ModelRunner, RunOrder, RunOutcome, RunPort, WarmModel } from './run.js';
export {
  batchSizeOf,
  capacityOf,
  createRunner,
  runModel,
  type RunnerOptions,
} from './create-runner.js';
export { safeMessage } from './safe-message.js';
export { toWellFormed } from './well-formed.js';
export { tryModel, type TriedRun, type TryOptions } from './try-model.js';
export {
  createProto,
  fromProto,
  parseProto,
  PROTO_FILE,
  PROTO_PACKAGE,
  toMapEntryName,
  toProto,
  toStructObject,
  type EventMessage,
  type MessageType,
  type ProtoModel,
  type ProtoObject,
  type ProtoText,
  type UnservedModel,
} from './proto/index.js';
