import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { SERVICE_NAME } from './grpc-api.js';

/** How often the directory of workers is asked. */
export const HEALTH_REFRESH_MS = 2_000;

export interface GrpcHealthOptions {
  /** Served names of all models. */
  readonly models: () => readonly string[];
  /** Those that a living worker runs. */
  readonly serving: () => Promise<ReadonlySet<string>>;
  /** Between two questions for it; {@link HEALTH_REFRESH_MS} if not told. */
  readonly refreshMs?: number;
  readonly onError: (error: unknown) => void;
}

/**
 * grpc.health.v1: '' and the service are SERVING until the gateway drains; each model, under its served name,
 * while a living worker runs it.
 */
export class GrpcHealth {
  readonly #options: GrpcHealthOptions;
  readonly #health = new HealthImplementation();
  /** What was said last; a watcher is told of changes alone. */
  readonly #known = new Map<string, boolean>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GrpcHealthOptions) {
    this.#options = options;
  }

  addTo(server: Server): void {
    this.#health.addToServer(server);
  }

  async begin(): Promise<void> {
    this.#set('', true);
    this.#set(SERVICE_NAME, true);
    await this.#refresh();
    const { refreshMs = HEALTH_REFRESH_MS } = this.#options;
    this.#timer = setInterval(() => void this.#refresh(), refreshMs).unref();
  }

  /** Nothing is served any more. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const name of this.#known.keys()) this.#set(name, false);
  }

  async #refresh(): Promise<void> {
    try {
      const serving = await this.#options.serving();
      const hasEnded = this.#timer === undefined && this.#known.size > 2;
      if (hasEnded) return;
      const models = this.#options.models();
      // A model that was removed stays known, as one that nobody serves.
      for (const name of new Set([...this.#known.keys(), ...models])) {
        if (!isOwn(name)) this.#set(name, models.includes(name) && serving.has(name));
      }
    } catch (error) {
      // Nobody can say that a worker lives, nor could a job be handed to it.
      for (const name of this.#known.keys()) if (!isOwn(name)) this.#set(name, false);
      this.#options.onError(error);
    }
  }

  #set(name: string, isServing: boolean): void {
    if (this.#known.get(name) === isServing) return;
    this.#known.set(name, isServing);
    this.#health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  }
}

/** Those of the gateway itself, which follow its drain alone. */
const isOwn = (name: string): boolean => name === '' || name === SERVICE_NAME;
