import { Counter, Gauge, type Registry } from 'prom-client';
import type { Health } from './health.js';

/** What health and metrics want to know of the store and of pub/sub; `RedisStore` has it. */
export interface ObservedStore {
  readonly canary: { readonly ageMs: number | undefined };
  readonly monitor: {
    /** @throws when the store cannot be used, saying why and since when */
    check(): Promise<void>;
    readonly state: {
      readonly trouble: unknown;
      readonly failures: ReadonlyMap<string, number>;
    };
    readonly feed: {
      readonly cause: string | undefined;
      readonly interruptions: ReadonlyMap<string, number>;
    };
    readonly memoryLosses: number;
  };
}

/** Silence of pub/sub after which messages may be missing: three probes of the canary. */
const MAX_CANARY_AGE_MS = 15_000;

/** The check `redis`, that the store takes writes, and the metrics of the store. */
export function observeStore(health: Health, registry: Registry, store: ObservedStore): void {
  health.register('redis', () => store.monitor.check());
  measureStore(registry, store);
}

/** The check `feed`: what is published is heard. Says how old the last proof is. */
export function checkFeed(health: Health, store: ObservedStore): void {
  health.register('feed', () => {
    const { cause } = store.monitor.feed;
    const age = store.canary.ageMs ?? Infinity;
    if (cause === 'connection') throw new Error('pub/sub is interrupted: connection closed');
    if (cause === 'silence' || age > MAX_CANARY_AGE_MS) {
      throw new Error(`pub/sub has delivered nothing for ${Math.round(age)} ms`);
    }
    return { canaryAgeMs: Math.round(age) };
  });
}

/** An app that is several calls it once for each, and has the metrics once. */
function measureStore(registry: Registry, store: ObservedStore): void {
  if (registry.getSingleMetric('stepcast_store_up') !== undefined) return;
  const { canary, monitor } = store;
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(read());
      },
    });
  };
  gauge('stepcast_store_up', 'Whether Redis takes writes of this process: 1 or 0.', () =>
    monitor.state.trouble === undefined ? 1 : 0,
  );
  gauge('stepcast_feed_canary_age_seconds', 'Since a probe last came back through pub/sub.', () =>
    canary.ageMs === undefined ? NaN : canary.ageMs / 1_000,
  );
  gauge(
    'stepcast_store_memory_losses',
    'How often Redis came back with nothing in it.',
    () => monitor.memoryLosses,
  );
  countBy(registry, 'kind', () => monitor.state.failures, {
    name: 'stepcast_store_errors_total',
    help: 'Calls and connections that failed of the store, by kind.',
  });
  countBy(registry, 'cause', () => monitor.feed.interruptions, {
    name: 'stepcast_feed_interruptions_total',
    help: 'Times that pub/sub was interrupted and heard again, by cause.',
  });
}

/** A counter whose truth is elsewhere. */
function countBy(
  registry: Registry,
  label: string,
  read: () => ReadonlyMap<string, number>,
  { name, help }: { readonly name: string; readonly help: string },
): void {
  new Counter({
    ...{ name, help, labelNames: [label], registers: [registry] },
    collect() {
      this.reset();
      for (const [value, count] of read()) this.inc({ [label]: value }, count);
    },
  });
}
