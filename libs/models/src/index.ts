export { Tensor } from 'onnxruntime-common';
export type { InferenceSession } from 'onnxruntime-common';
export { z } from 'zod';
export { MAX_CHECKPOINT_BYTES } from './checkpoint.js';
export { defineModel, isModel, MODEL_NAME_PATTERN } from './define-model.js';
export type {
  EventDefinition,
  EventDefinitions,
  Model,
  ModelEnv,
  ModelEventType,
  ModelSpec,
  RunContext,
  RunResult,
} from './definition.js';
export { MAX_DATA_BYTES, ModelEvent, type ModelProgress } from './model-event.js';
export { createRandom, restoreRandom, type Random } from './random.js';
export { sampleToken, type SamplingOptions } from './sampler.js';
export { createManifest, type JsonSchema, type ModelManifest } from './manifest.js';
export { createRegistry, ModelRegistry, type BrokenModel, type ModelEntry } from './registry.js';
export { loadRegistry } from './load-registry.js';
export { loadModel, type LoadedModel } from './load-model.js';
export type { ModelEnvOptions } from './model-env.js';
export { runModel, type RunOrder, type RunOutcome, type RunPort } from './run-model.js';
export { safeMessage } from './safe-message.js';
