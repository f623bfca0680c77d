import { Histogram, type Registry } from 'prom-client';
import type { BatchesMessage } from './host/host-protocol.js';

/** What a host tells of its batches. */
export type HostBatches = Omit<BatchesMessage, 'kind'>;

const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const WAIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** How large batches were, and how long jobs waited for them. */
export class BatchMetrics {
  readonly #size: Histogram<'model'>;
  readonly #wait: Histogram<'model'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#size = new Histogram({
      name: 'stepcast_worker_batch_size',
      help: 'Jobs in one batch, or in one step of many jobs.',
      labelNames: ['model'],
      buckets: SIZES,
      registers,
    });
    this.#wait = new Histogram({
      name: 'stepcast_worker_batch_wait_seconds',
      help: 'How long a job waited in its host for a batch.',
      labelNames: ['model'],
      buckets: WAIT_SECONDS,
      registers,
    });
  }

  add({ model, sizes, waitsMs }: HostBatches): void {
    for (const [size, count] of Object.entries(sizes)) {
      for (let batch = 0; batch < count; batch++) this.#size.observe({ model }, Number(size));
    }
    for (const ms of waitsMs) this.#wait.observe({ model }, ms / 1_000);
  }
}
