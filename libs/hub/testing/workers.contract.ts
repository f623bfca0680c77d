/* eslint-disable jest/no-export -- a contract is exported to be run against every adapter */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WorkerEntry } from '../src/index.js';
import type { MakeStore, StoreUnderTest } from './store-under-test.js';
import { waitFor } from './wait-for.js';

/** ports/worker-signals.port.ts and ports/worker-directory.port.ts. */
export function describeWorkersContract(makeStore: MakeStore): void {
  let store: StoreUnderTest;
  beforeEach(async () => (store = await makeStore()));
  afterEach(() => store.dispose());

  const worker = (id: string, busy = 0): WorkerEntry => ({
    ...{ id, busy, slots: 2 },
    models: { sketch: { device: 'cpu' } },
  });

  describe('WorkerSignals', () => {
    it('bring a nudge to the worker it is for', async () => {
      const nudges: string[] = [];
      await store.signals.onNudge('w1', (job) => nudges.push(`w1 ${job}`));
      await store.signals.onNudge('w2', (job) => nudges.push(`w2 ${job}`));
      await store.signals.nudge('w2', 'a');
      await store.signals.nudge('w1', 'b');
      await waitFor(() => nudges.length === 2);

      expect(nudges.sort()).toEqual(['w1 b', 'w2 a']);
    });

    it('bring a wake to everybody', async () => {
      const woken: string[] = [];
      await store.signals.onWake((model) => woken.push(`1 ${model}`));
      await store.signals.onWake((model) => woken.push(`2 ${model}`));
      await store.signals.wake('sketch');
      await waitFor(() => woken.length === 2);

      expect(woken.sort()).toEqual(['1 sketch', '2 sketch']);
    });

    it('to nobody are no error', async () => {
      await expect(store.signals.nudge('nobody', 'a')).resolves.toBeUndefined();
      await expect(store.signals.wake('sketch')).resolves.toBeUndefined();
    });
  });

  describe('WorkerDirectory', () => {
    it('lists who was announced, as last said', async () => {
      await store.directory.announce(worker('w2'), 60_000);
      await store.directory.announce(worker('w1'), 60_000);
      await store.directory.announce(worker('w2', 1), 60_000);

      expect(await store.directory.list()).toEqual([worker('w1'), worker('w2', 1)]);
    });

    it('forgets who withdrew and who fell silent', async () => {
      await store.directory.announce(worker('w1'), 60_000);
      await store.directory.announce(worker('w2'), 20);
      await store.directory.announce(worker('w3'), 60_000);
      await store.directory.withdraw('w1');
      await store.elapse(40);

      expect(await store.directory.list()).toEqual([worker('w3')]);
      await store.directory.announce(worker('w2'), 60_000);
      expect(await store.directory.list()).toHaveLength(2);
    });

    it('averages durations, newer ones weighing more', async () => {
      expect(await store.directory.averageDurationMs('sketch')).toBeUndefined();
      await store.directory.recordDuration('sketch', 100);
      expect(await store.directory.averageDurationMs('sketch')).toBe(100);
      await store.directory.recordDuration('sketch', 200);
      expect(await store.directory.averageDurationMs('sketch')).toBe(120);
      expect(await store.directory.averageDurationMs('writer')).toBeUndefined();
    });
  });
}
