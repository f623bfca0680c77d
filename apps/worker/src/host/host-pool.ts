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

  /** Whether any host is through with loading. */
  get isWarm(): boolean {
    return this.#hosts.some(({ models, failures }) =>
      [models, failures].some((names) => Object.keys(names).length > 0),
    );
  }

  /** The models that can be run, with the device really used. */
  get models(): Record<string, { readonly device: string }> {
    const entries = this.#hosts.flatMap(({ models }) => Object.entries(models));
    return Object.fromEntries(entries.map(([name, { device }]) => [name, { device }]));
  }

  /** Models that no host here could load. */
  get failures(): string[] {
    const failed = this.#hosts.flatMap(({ failures }) => Object.keys(failures));
    return [...new Set(failed)].filter((name) => !Object.hasOwn(this.models, name));
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
