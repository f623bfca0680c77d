import type { Model } from './definition.js';
import { HostModelEnv, type ModelEnvOptions } from './model-env.js';
import type { ModelEntry } from './model-entry.js';

/** A warm model: loaded once, run many times. */
export interface LoadedModel {
  readonly model: Model;
  /** What its `load` returned. */
  readonly loaded: unknown;
  /** The execution provider that is really used. */
  readonly device: string;
  readonly loadMs: number;
  /** Runs the model's `unload` and releases its sessions. */
  unload(): Promise<void>;
}

/** Loads a model, as the host does once per process. Throws what the model's `load` and `warmup` throw. */
export async function loadModel(
  { model, directory }: ModelEntry,
  options: Omit<ModelEnvOptions, 'directory'>,
): Promise<LoadedModel> {
  const startedAt = performance.now();
  const env = new HostModelEnv({ ...options, directory });
  try {
    const loaded = await model.load(env);
    await model.warmup(loaded);
    return {
      model,
      loaded,
      device: env.device,
      loadMs: Math.round(performance.now() - startedAt),
      unload: async () => {
        await model.unload(loaded);
        await env.release();
      },
    };
  } catch (error) {
    await env.release();
    throw error;
  }
}
