import { StepcastError, parseInput } from '@stepcast/protocol';
import type { FoldOf } from '@stepcast/hub';
import type { Model } from './definition.js';
import type { ModelManifest } from './manifest.js';
import type { BrokenModel, ModelEntry } from './model-entry.js';
import { serveModels, type ServedModel } from './served-models.js';

/** Names of models that another set of folders has brought. */
export interface RegistryChange {
  readonly added: readonly string[];
  /** Of these the code or a file is another one now. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

interface Content {
  readonly models: ReadonlyMap<string, ServedModel>;
  readonly broken: readonly BrokenModel[];
}

/**
 * The models that a process knows, by the name under which they are served. One object is handed to all
 * who need it; its content changes as a whole by {@link replace}, so look a model up when it is needed,
 * and keep what you have got as long as you work with it.
 */
export class ModelRegistry {
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  #content: Content;

  constructor(entries: readonly ModelEntry[], broken: readonly BrokenModel[] = []) {
    const { models, clashes } = serveModels(entries);
    this.#content = {
      models: new Map(models.map((entry) => [entry.model.name, entry])),
      broken: [...broken, ...clashes],
    };
  }

  /** Folders that could not be used; the others serve. */
  get broken(): readonly BrokenModel[] {
    return this.#content.broken;
  }

  has(name: string): boolean {
    return this.#content.models.has(name);
  }

  /** @throws {StepcastError} `model_not_found`, listing the models that there are. */
  get(name: string): Model {
    return this.#find(name).model;
  }

  /** By name. */
  list(): readonly Model[] {
    return this.entries().map(({ model }) => model);
  }

  /** By name. */
  entries(): readonly ModelEntry[] {
    return [...this.#content.models.values()];
  }

  /** @throws {StepcastError} `model_not_found` */
  manifest(model: Model | string): ModelManifest {
    return this.#find(typeof model === 'string' ? model : model.name).manifest;
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
    const events = this.#content.models.get(name)?.model.events ?? {};
    return (type) => (Object.hasOwn(events, type) ? (events[type]?.fold ?? 'all') : 'all');
  }

  /**
   * Takes over the content of another registry, and tells who listens if a model is another one.
   * @throws what a listener threw, once all of them have heard
   */
  replace(other: ModelRegistry): RegistryChange {
    const change = compare(this.#content, other.#content);
    this.#content = other.#content;
    const { added, changed, removed } = change;
    if (added.length + changed.length + removed.length === 0) return change;
    this.#tell(change);
    return change;
  }

  /** Calls `listener` after each {@link replace} that has changed a model. Call what it returns to stop. */
  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: RegistryChange): void {
    const errors: unknown[] = [];
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, 'Listeners to the models failed.');
    if (errors.length > 0) throw errors[0];
  }

  #find(name: string): ServedModel {
    const { models } = this.#content;
    const entry = models.get(name);
    if (entry !== undefined) return entry;
    const known = [...models.keys()].join(', ');
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

function compare({ models: before }: Content, { models: after }: Content): RegistryChange {
  const isSame = (name: string): boolean => {
    const revision = after.get(name)?.revision;
    return revision !== undefined && revision === before.get(name)?.revision;
  };
  const names = [...after.keys()];
  return {
    added: names.filter((name) => !before.has(name)),
    changed: names.filter((name) => before.has(name) && !isSame(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}
