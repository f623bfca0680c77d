import type { BatchesMessage, HostMessage } from './host-protocol.js';

/** How often a host tells of its batches: often enough for a metric, seldom beside the steps of a model. */
const REPORT_INTERVAL_MS = 500;

type Counts = Pick<BatchesMessage, 'sizes' | 'waitsMs'>;

/** What a host says of its batches, added up between two reports. */
export class BatchReport {
  readonly #send: (message: HostMessage) => void;
  readonly #counts = new Map<string, Counts>();
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (message: HostMessage) => void) {
    this.#send = send;
  }

  /** Takes note of a batch of the model. */
  of(model: string): (size: number, waitsMs: readonly number[]) => void {
    return (size, waitsMs) => {
      const counts = this.#counts.get(model) ?? { sizes: {}, waitsMs: [] };
      this.#counts.set(model, counts);
      counts.sizes[size] = (counts.sizes[size] ?? 0) + 1;
      counts.waitsMs.push(...waitsMs);
      this.#timer ??= setTimeout(() => {
        this.send();
      }, REPORT_INTERVAL_MS);
    };
  }

  /** Reports what has not been yet. */
  send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [model, counts] of this.#counts) this.#send({ kind: 'batches', model, ...counts });
    this.#counts.clear();
  }
}
