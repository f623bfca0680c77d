import { ModelHost, type ModelHostOptions } from './model-host.js';

export interface HostPoolOptions extends Omit<ModelHostOptions, 'slot'> {
  readonly slots: number;
}

/** What a host is taken for. */
interface Taken {
  readonly model: string;
  jobs: number;
  /** When its turn began: `performance.now()`. */
  since: number;
}

/**
 * How long one model may keep a host busy by batching before others that wait get their turn: long beside
 * what emptying a batch costs, short beside what a user waits for.
 */
const TURN_MS = 10_000;

/** The hosts of a worker, one per slot, and what each is taken for. */
export class HostPool {
  readonly #hosts: readonly ModelHost[];
  readonly #taken = new Map<ModelHost, Taken>();
  readonly #capacityOf: (model: string) => number;
  readonly #onIdle: () => void;

  constructor({ slots, ...options }: HostPoolOptions) {
    this.#onIdle = options.onIdle;
    this.#capacityOf = options.capacityOf;
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

  /** The models have changed: every host is replaced when it has no job. */
  renew(): void {
    for (const host of this.#hosts) host.renew();
  }

  /** A host that can take a job of the model: one that waits, else one that batches it and has a place. */
  roomFor(model: string): ModelHost | undefined {
    const idle = this.#hosts.find((host) => host.state === 'idle' && !this.#taken.has(host));
    const open = this.#hosts.filter((host) => this.#hasPlace(host, model));
    return idle ?? open.find((host) => !this.isTurnOver(host)) ?? open[0];
  }

  /** Whether a host has batched jobs of one model for so long that others may want it. */
  isTurnOver(host: ModelHost): boolean {
    const taken = this.#taken.get(host);
    return taken !== undefined && performance.now() - taken.since > TURN_MS;
  }

  /** Nobody else wants it: its turn begins anew. */
  renewTurn(host: ModelHost): void {
    const taken = this.#taken.get(host);
    if (taken !== undefined) taken.since = performance.now();
  }

  /** From now on one more job of the model belongs to the host, until {@link release}. */
  take(host: ModelHost, model: string): void {
    const taken = this.#taken.get(host);
    if (taken === undefined) this.#taken.set(host, { model, jobs: 1, since: performance.now() });
    else taken.jobs += 1;
  }

  release(host: ModelHost): void {
    const taken = this.#taken.get(host);
    if (taken !== undefined) taken.jobs -= 1;
    if (taken?.jobs === 0) this.#taken.delete(host);
    this.#onIdle();
  }

  #hasPlace(host: ModelHost, model: string): boolean {
    const taken = this.#taken.get(host);
    if (taken?.model !== model || !host.isJoinable) return false;
    return taken.jobs < this.#capacityOf(model);
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
  }
}
