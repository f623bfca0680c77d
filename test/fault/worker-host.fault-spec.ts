import { describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import { call, submit } from '../support/clients.js';
import { children, isAlive } from '../support/leaks.js';
import { QUICK_LOCKS, useTrials } from '../support/trials.js';
import type { Trial } from '../support/trial.js';
import { waitFor } from '../support/wait.js';
import { Watcher } from '../support/watcher.js';

const hub = useTrials();

const pidsOf = async (trial: Trial) => [...new Set((await trial.journal()).map(({ pid }) => pid))];

describe('a model that fails', () => {
  it('5. throws at step 3 with attempts 3: three attempts are seen, and one failed', async () => {
    await hub.startWorker();
    const trial = await hub.submit({ steps: 5, fault: 'throw', at: 3 }, { attempts: 3 });
    await trial.ended();

    expect(await trial.faults()).toEqual([]);
    expect(await trial.runs()).toEqual([1, 2, 3]);
    const steps = ['step', 'text', 'step', 'text'];
    const first = ['queued', 'started', ...steps, 'log'];
    const others = ['attempt', 'started', ...steps];
    const types = (await trial.log()).map(({ type }) => type);
    expect(types).toEqual([...first, ...others, 'log', ...others, 'failed']);
    const error = { code: 'model_error', message: 'thrown as the input asked' };
    expect(await trial.view()).toMatchObject({ status: 'failed', attempt: 3, error });
    await hub.leftQueue(trial.id);
  }, 60_000);

  it('7. its host exits, segfaults, is out of memory: failed or retried, and all slots are warm again', async () => {
    const kinds = [
      ['exit', /exited with code 7/],
      ['segfault', /ended by SIGSEGV/],
      ['memory', /ended by SIG(ABRT|TRAP)|exited with code 13[34]/],
    ] as const;
    const env = { WORKER_SLOTS: '3', NODE_OPTIONS: '--max-old-space-size=128' };
    const worker = await hub.startWorker(env);
    for (const [fault, reason] of kinds) {
      const failing = await hub.submit({ steps: 5, fault });
      const retried = await hub.submit({ steps: 5, fault, failAttempts: 1 }, { attempts: 2 });
      await Promise.all([failing.ended(), retried.ended()]);

      const error = { code: 'host_crashed', message: expect.stringMatching(reason) };
      expect(await failing.view()).toMatchObject({ status: 'failed', attempt: 1, error });
      expect(await retried.view()).toMatchObject({ status: 'completed', attempt: 2 });
      for (const trial of [failing, retried]) {
        expect(await trial.faults()).toEqual([]);
        await hub.leftQueue(trial.id);
        expect(isAlive((await pidsOf(trial))[0] ?? 0)).toBe(false);
      }
    }

    const warm = () => worker.log.filter((line) => line.includes('"the model host is warm"'));
    await waitFor(() => warm().length === 3 + 2 * kinds.length, 20_000);
    const hosts = await children(worker.pid);
    const next = await Promise.all(kinds.map(() => hub.submit({ steps: 10 })));
    await Promise.all(next.map((trial) => trial.ended()));
    expect(hosts).toHaveLength(3);
    for (const trial of next) {
      expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 1 });
      expect(hosts).toEqual(expect.arrayContaining(await pidsOf(trial)));
    }
  }, 90_000);
});

describe('a step that is longer than the lock', () => {
  it('8. one session.run: the lock is renewed, and a cancel is heard meanwhile', async () => {
    const worker = await hub.startWorker({ ...QUICK_LOCKS, WORKER_SLOTS: '2' });
    const { api, gatewayUrls: gateways } = hub.cluster;
    const { id: job } = await submit(api, 'ort-loop', { runMs: 6_000 });
    const viewer = new Watcher({ job, gateways, transport: 'ws', foldOf: () => 'all' });
    const endless = await hub.submit({ steps: 5, fault: 'block', blockMs: 600_000 });
    await viewer.until(() => viewer.seen.types.includes('step'));
    await endless.reached(2);
    // It would take the job if the lock ended.
    await hub.startWorker(QUICK_LOCKS);
    await call(`${api}/v1/jobs/${endless.id}`, { method: 'DELETE' });
    await endless.ended();
    await viewer.ended();
    const next = await hub.submit({ steps: 5 });
    await next.ended();

    const { step } = viewer.seen.state.events as { step: { ms: number }[] };
    expect(step[1]?.ms).toBeGreaterThan(Number(QUICK_LOCKS.JOB_LOCK_MS));
    expect(viewer.seen.faults).toEqual([]);
    expect(viewer.seen.types).toEqual(['queued', 'started', 'step', 'step', 'completed']);
    expect(viewer.seen.state.attempt).toBe(1);
    for (const trial of [endless, next]) {
      expect(await trial.faults()).toEqual([]);
      expect(await trial.runs()).toEqual([1]);
      await hub.leftQueue(trial.id);
    }
    expect(await endless.view()).toMatchObject({ status: 'cancelled', cancel: { by: 'client' } });
    expect((await pidsOf(endless)).some(isAlive)).toBe(false);
    expect(worker.log.some((line) => line.includes('the model does not stop'))).toBe(true);
    expect(await next.view()).toMatchObject({ status: 'completed' });
  }, 90_000);
});

describe('a model that emits what no event can hold', () => {
  it('11. undefined, a BigInt, a cycle, 300 KiB: the emit fails and says why, the host serves on', async () => {
    await hub.startWorker();
    const kinds = [
      ['undefined', 'The event "raw" is undefined, which is not JSON'],
      ['bigint', 'BigInt'],
      ['cycle', 'cycle'],
      ['big', '307202 bytes of JSON, but at most 261632 are allowed'],
    ] as const;
    const hosts = new Set<string>();
    for (const [fault, words] of kinds) {
      const failing = await hub.submit({ steps: 5, fault });
      const caught = await hub.submit({ steps: 5, fault, isCaught: true });
      await Promise.all([failing.ended(), caught.ended()]);

      const message = expect.stringContaining(words);
      const error = { code: 'invalid_event', message };
      expect(await failing.view()).toMatchObject({ status: 'failed', attempt: 1, error });
      const output = { steps: 5, caught: message };
      expect(await caught.view()).toMatchObject({ status: 'completed', attempt: 1, output });
      for (const trial of [failing, caught]) {
        expect(await trial.faults()).toEqual([]);
        expect(await trial.eventsOf('raw')).toEqual([]);
        for (const host of await trial.hosts()) hosts.add(host);
      }
    }
    expect(hosts.size).toBe(1);
  }, 60_000);
});

describe('after all of that', () => {
  it('leaves no channel, subscription, lease, queued job or connection of all those viewers behind', async () => {
    await hub.expectNothingLeft();

    expect(hub.cluster.gateways.every(({ pid }) => isAlive(pid))).toBe(true);
  }, 60_000);
});
