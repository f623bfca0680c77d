import { Inject, Injectable } from '@nestjs/common';
import { WORKER_DIRECTORY, type WorkerDirectory, type WorkerEntry } from '@stepcast/hub';
import { JobQueues } from '@stepcast/jobs';
import { ModelRegistry, type ModelManifest } from '@stepcast/models';

/** A model as REST shows it: what it is, and who runs it now. */
export interface ModelView extends ModelManifest {
  /** Devices of the living workers that serve it; empty when none does. */
  readonly devices: readonly string[];
  readonly workers: number;
  readonly slots: { readonly total: number; readonly busy: number };
  readonly queueDepth: number;
}

/** What `GET /v1/models` answers. */
export interface ModelList {
  readonly models: readonly ModelView[];
  /** Folders that look like models and cannot be used. */
  readonly broken: readonly { readonly folder: string; readonly reason: string }[];
}

@Injectable()
export class ModelsService {
  constructor(
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
    @Inject(JobQueues) private readonly queues: JobQueues,
    @Inject(WORKER_DIRECTORY) private readonly directory: WorkerDirectory,
  ) {}

  async list(): Promise<ModelList> {
    const names = this.registry.list().map((model) => model.name);
    return { models: await this.#views(names), broken: this.registry.broken };
  }

  /** @throws {StepcastError} `model_not_found` */
  async get(name: string): Promise<ModelView> {
    const [view] = await this.#views([this.registry.get(name).name]);
    if (view === undefined) throw new TypeError('one name, one view');
    return view;
  }

  async #views(names: readonly string[]): Promise<ModelView[]> {
    const [workers, depths] = await Promise.all([this.directory.list(), this.queues.depths(names)]);
    return names.map((name, i) => ({
      ...this.registry.manifest(name),
      ...servedBy(name, workers),
      queueDepth: depths[i] ?? 0,
    }));
  }
}

function servedBy(
  model: string,
  workers: readonly WorkerEntry[],
): Pick<ModelView, 'devices' | 'workers' | 'slots'> {
  const serving = workers.filter((worker) => Object.hasOwn(worker.models, model));
  const devices = serving.map((worker) => worker.models[model]?.device ?? 'unknown');
  const sum = (pick: (worker: WorkerEntry) => number) =>
    serving.reduce((total, worker) => total + pick(worker), 0);
  return {
    devices: [...new Set(devices)].sort(),
    workers: serving.length,
    slots: { total: sum((worker) => worker.slots), busy: sum((worker) => worker.busy) },
  };
}
