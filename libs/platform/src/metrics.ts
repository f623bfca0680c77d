import { collectDefaultMetrics, Registry } from 'prom-client';

export type { Registry as MetricsRegistry } from 'prom-client';

/** Where the process's prom-client `Registry` is injected. */
export const METRICS = Symbol('Metrics');

/** A registry of its own with Node's metrics on it, so that two apps in one test do not meet. */
export function createMetrics(app: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  return registry;
}
