import { StepcastError, parseInput } from '@stepcast/protocol';
import type { FoldOf } from '@stepcast/hub';
import type { Model } from './definition.js';
import { createManifest, type ModelManifest } from './manifest.js';

/** A model and the folder of its assets. */
export interface ModelEntry {
  readonly model: Model;
  /** Absolute; where `env.session('unet.onnx')` looks. */
  readonly directory: string;
}

/** A folder that looks like a model and is none. */
export interface BrokenModel {
  /** Name of the folder. */
  readonly folder: string;
  /** What is wrong and what to do, for the log of the process. */
  readonly reason: string;
}

/** The models that a process knows, by name. Never changes after it is made. */
export class ModelRegistry {
  /** Folders that could not be used; the others serve. */
  readonly broken: readonly BrokenModel[];
  readonly #entries: ReadonlyMap<string, ModelEntry>;
  readonly #manifests: ReadonlyMap<string, ModelManifest>;

  /** @throws {TypeError} when two models have one name, naming both folders. */
  constructor(entries: readonly ModelEntry[], broken: readonly BrokenModel[] = []) {
    const sorted = [...entries].sort((a, b) => (a.model.name < b.model.name ? -1 : 1));
    for (const [index, entry] of sorted.entries()) {
      const next = sorted[index + 1];
      if (next?.model.name !== entry.model.name) continue;
      throw new TypeError(
        `Two models are named "${entry.model.name}": rename the one in ${entry.directory} or the one in ${next.directory}.`,
      );
    }
    this.broken = broken;
    this.#entries = new Map(sorted.map((entry) => [entry.model.name, entry]));
    this.#manifests = new Map(
      sorted.map(({ model }) => [model.name, createManifest(model)] as const),
    );
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws {StepcastError} `model_not_found`, listing the models that there are. */
  get(name: string): Model {
    return this.#find(name, this.#entries).model;
  }

  /** By name. */
  list(): readonly Model[] {
    return this.entries().map(({ model }) => model);
  }

  /** By name. */
  entries(): readonly ModelEntry[] {
    return [...this.#entries.values()];
  }

  /** @throws {StepcastError} `model_not_found` */
  manifest(model: Model | string): ModelManifest {
    return this.#find(typeof model === 'string' ? model : model.name, this.#manifests);
  }

  /**
   * Checks an input and fills in its defaults.
   * @throws {StepcastError} `model_not_found`, or `invalid_input` with every fault and its path.
   */
  parseInput(name: string, value: unknown): unknown {
    return parseInput(this.get(name).input, value);
  }

  /** How the events of a model fold; `all` for models and types that are not known here. */
  foldOf(name: string): FoldOf {
    const events = this.#entries.get(name)?.model.events ?? {};
    return (type) => (Object.hasOwn(events, type) ? (events[type]?.fold ?? 'all') : 'all');
  }

  #find<Value>(name: string, map: ReadonlyMap<string, Value>): Value {
    const value = map.get(name);
    if (value !== undefined) return value;
    const known = [...map.keys()].join(', ');
    throw new StepcastError(
      'model_not_found',
      `No model "${name.slice(0, 64)}" is served here; ${known === '' ? 'there is none' : `known: ${known}`}.`,
    );
  }
}

/** A registry of models made in place, for tests. */
export function createRegistry(models: readonly Model[]): ModelRegistry {
  return new ModelRegistry(models.map((model) => ({ model, directory: process.cwd() })));
}
