import { Counter, Gauge, type Registry } from 'prom-client';
import type { Health } from './health.js';

/** What health and metrics want to know of the connection of a queue; `QueueMonitor` has it. */
export interface ObservedQueue {
  /** @throws when the queues cannot be used, saying why and since when */
  check(): Promise<void>;
  readonly isUp: boolean;
  /** Since the start. */
  readonly failures: number;
}

/** Who uses the connection: the API puts jobs in line, the worker takes them. */
export type QueueSide = 'api' | 'worker';

/**
 * The check `<side>-queue`, that the queues take writes, and their metrics. The queues have a connection of
 * their own, which may be lost, or lead to a replica, while that of the store is well. An app that is both
 * sides calls it once for each.
 */
export function observeQueue(
  health: Health,
  registry: Registry,
  { side, queue }: { readonly side: QueueSide; readonly queue: ObservedQueue },
): void {
  health.register(`${side}-queue`, () => queue.check());
  new Gauge({
    name: `stepcast_${side}_queue_up`,
    help: 'Whether Redis takes writes over the connection of the queues: 1 or 0.',
    registers: [registry],
    collect() {
      this.set(queue.isUp ? 1 : 0);
    },
  });
  new Counter({
    name: `stepcast_${side}_queue_errors_total`,
    help: 'Calls and connections that failed of the queues.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(queue.failures);
    },
  });
}
