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
  readonly onError: (error: unknown) => void;
}

/**
 * grpc.health.v1: '' and the service are SERVING until the gateway drains; each model, under its served name,
 * while a living worker runs it.
 */
export class GrpcHealth {
  readonly #options: GrpcHealthOptions;
  readonly #health = new HealthImplementation();
  readonly #known = new Set<string>();
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
    this.#timer = setInterval(() => void this.#refresh(), HEALTH_REFRESH_MS).unref();
  }

  /** Nothing is served any more. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const name of this.#known) this.#set(name, false);
  }

  async #refresh(): Promise<void> {
    try {
      const serving = await this.#options.serving();
      const hasEnded = this.#timer === undefined && this.#known.size > 2;
      if (hasEnded) return;
      const models = this.#options.models();
      // A model that was removed stays known, as one that nobody serves.
      for (const name of new Set([...this.#known, ...models])) {
        if (name === '' || name === SERVICE_NAME) continue;
        this.#set(name, models.includes(name) && serving.has(name));
      }
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #set(name: string, isServing: boolean): void {
    this.#known.add(name);
    this.#health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  }
}
