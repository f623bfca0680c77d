import type { BullSource } from './bull-source.js';

/** The queues of the models that a worker knows, which may become more and fewer while it runs. */
export class QueueSources {
  readonly #create: (model: string) => BullSource;
  readonly #sources = new Map<string, BullSource>();
  #isStarted = false;

  constructor(models: readonly string[], create: (model: string) => BullSource) {
    this.#create = create;
    for (const model of models) this.#sources.set(model, create(model));
  }

  get list(): readonly BullSource[] {
    return [...this.#sources.values()];
  }

  /** Begins to look for jobs whose worker has died. */
  async start(): Promise<void> {
    this.#isStarted = true;
    await Promise.all(this.list.map((source) => source.start()));
  }

  /** Opens the queues of models that are new, and closes those of models that are gone. */
  async follow(models: readonly string[]): Promise<void> {
    const gone = this.list.filter(({ model }) => !models.includes(model));
    const added = models.filter((model) => !this.#sources.has(model));
    for (const { model } of gone) this.#sources.delete(model);
    const opened = added.map((model) => this.#create(model));
    for (const source of opened) this.#sources.set(source.model, source);
    await Promise.all(gone.map((source) => source.close()));
    if (this.#isStarted) await Promise.all(opened.map((source) => source.start()));
  }

  async close(): Promise<void> {
    this.#isStarted = false;
    await Promise.all(this.list.map((source) => source.close()));
  }
}
