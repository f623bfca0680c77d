import { ModelHost, type ModelHostOptions } from './model-host.js';

export interface HostPoolOptions extends Omit<ModelHostOptions, 'slot'> {
  readonly slots: number;
}

/** The hosts of a worker, one per slot, and which of them are taken. */
export class HostPool {
  readonly #hosts: readonly ModelHost[];
  readonly #taken = new Set<ModelHost>();
  readonly #onIdle: () => void;

  constructor({ slots, ...options }: HostPoolOptions) {
    this.#onIdle = options.onIdle;
    this.#hosts = Array.from({ length: slots }, (_, slot) => new ModelHost({ ...options, slot }));
  }

  get slots(): number {
    return this.#hosts.length;
  }

  get busy(): number {
    return this.#taken.size;
  }

  /** The models that can be run, with the device really used. */
  get models(): Record<string, { readonly device: string }> {
    const entries = this.#hosts.flatMap(({ models }) => Object.entries(models));
    return Object.fromEntries(entries.map(([name, { device }]) => [name, { device }]));
  }

  /** Models that no host here could load. */
  get failures(): string[] {
    return Object.keys(this.#reasons);
  }

  /**
   * What health wants to know: the models that can be run, and those that cannot.
   * @throws {Error} when no model can be run, saying why
   */
  check(): { readonly models: readonly string[]; readonly failures?: Record<string, string> } {
    const models = Object.keys(this.models);
    const reasons = this.#reasons;
    const failed = Object.entries(reasons).map(([name, reason]) => `${name} (${reason})`);
    if (models.length > 0) return { models, ...(failed.length > 0 && { failures: reasons }) };
    if (failed.length > 0) throw new Error(`No model could be loaded: ${failed.join(', ')}`);
    throw new Error('No model host is warm yet.');
  }

  /** Why, of the models that no host here could load. */
  get #reasons(): Record<string, string> {
    const failed = this.#hosts.flatMap(({ failures }) => Object.entries(failures));
    return Object.fromEntries(failed.filter(([name]) => !Object.hasOwn(this.models, name)));
  }

  start(): void {
    for (const host of this.#hosts) host.start();
  }

  /** A host that waits for a job, if there is one. */
  idle(): ModelHost | undefined {
    return this.#hosts.find((host) => host.state === 'idle' && !this.#taken.has(host));
  }

  /** From now on the host belongs to one job, until {@link release}. */
  take(host: ModelHost): void {
    this.#taken.add(host);
  }

  release(host: ModelHost): void {
    this.#taken.delete(host);
    this.#onIdle();
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
  }
}
