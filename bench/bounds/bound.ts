// What each measurement of the bounds bench is, and what they share.
import type { Cluster } from '../../test/support/cluster.js';
import { submit } from '../../test/support/clients.js';
import { sampleFold } from '../../test/support/sample-folds.js';
import { Watcher, type WatchTransport } from '../../test/support/watcher.js';

export interface Bound {
  readonly name: string;
  /** From what to what. */
  readonly what: string;
  /** What docs/architecture.md says. */
  readonly promised: string;
  /** Milliseconds, one per trial. */
  readonly measure: (trials: number) => Promise<number[]>;
}

export const STEP_MS = 20;

/** A job that goes on for as long as the bench may take. */
export async function submitEndless(api: string, options: object = {}): Promise<string> {
  const { id } = await submit(api, 'pace', { steps: 100_000, everyMs: STEP_MS }, options);
  return id;
}

/** Half of them over WebSocket, half over SSE, on the gateways in turn; they follow where a gateway goes. */
export function watchers(job: string, cluster: Cluster, count: number): Watcher[] {
  return Array.from({ length: count }, (_, index) => {
    const transport: WatchTransport = index % 2 === 0 ? 'ws' : 'sse';
    const where = {
      get gateways() {
        return cluster.gatewayUrls;
      },
    };
    const options = { job, transport, foldOf: sampleFold('pace'), from: 'now' };
    return new Watcher(Object.assign(where, options), index >> 1);
  });
}

/** Milliseconds until it holds, looked at each millisecond. */
export async function timeUntil(fits: () => boolean, deadlineMs = 60_000): Promise<number> {
  const from = performance.now();
  while (!fits()) {
    if (performance.now() - from > deadlineMs) throw new Error(`not in ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return performance.now() - from;
}

/** What must be true of every trial, or its time means nothing. */
export function assertWhole(viewers: readonly Watcher[]): void {
  const faults = viewers.flatMap(({ seen }) => seen.faults);
  if (faults.length > 0) throw new Error(JSON.stringify(faults.slice(0, 5)));
}
