import type { HubObserver, LogEntry } from '@stepcast/hub';
import type { ResetReason } from '@stepcast/protocol';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Pause between two samples of the lag: a hundred a second say as much as all, and cost nothing. */
const SAMPLE_PAUSE_MS = 10;

/** What the hub of a gateway does, as metrics (docs/operations.md, "Metrics"). */
export class GatewayObserver implements HubObserver {
  readonly #resets: Counter<'reason'>;
  readonly #gaps: Counter;
  readonly #audits: Counter;
  readonly #merged: Counter;
  readonly #lagSeconds: Histogram;
  readonly #now: () => number;
  #sampledAt = 0;

  /** @param now milliseconds since 1970 */
  constructor(registry: Registry, now: () => number) {
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#now = now;
    this.#resets = counter('stepcast_resets_total', 'Viewers told to begin anew.', ['reason']);
    this.#gaps = counter('stepcast_gaps_healed_total', 'Gaps in the feed, read from the log.');
    this.#audits = counter(
      'stepcast_audit_differences_total',
      'Audits that found a log ahead of its channel.',
    );
    this.#merged = counter(
      'stepcast_merged_events_total',
      'Events left out, or joined to others, for slow viewers.',
    );
    this.#lagSeconds = new Histogram({
      name: 'stepcast_delivery_lag_seconds',
      help: 'From the time of an event, by the clock of Redis, until it is written to viewers; a sample.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10],
      registers: [registry],
    });
  }

  reset(reason: ResetReason): void {
    this.#resets.inc({ reason });
  }

  gapHealed(): void {
    this.#gaps.inc();
  }

  auditDiffered(): void {
    this.#audits.inc();
  }

  merged(events: number): void {
    this.#merged.inc(events);
  }

  delivered({ json }: LogEntry): void {
    const now = this.#now();
    if (now - this.#sampledAt < SAMPLE_PAUSE_MS) return;
    this.#sampledAt = now;
    // Clocks may differ by a little; a lag below nothing says so and is counted as none.
    this.#lagSeconds.observe(Math.max(0, now - timeOf(json)) / 1_000);
  }
}

/** `at` of an encoded event, without parsing it: `data`, which may hold anything, comes behind it. */
function timeOf(json: string): number {
  const start = json.indexOf('"at":') + 5;
  return Number(json.slice(start, json.indexOf(',', start)));
}
