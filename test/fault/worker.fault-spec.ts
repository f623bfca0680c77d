import { describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import type { AppProcess } from '../support/app-process.js';
import type { SeenEvent } from '../support/clients.js';
import { isAlive } from '../support/leaks.js';
import { shiftedClock } from '../support/shifted-clock.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { QUICK_LOCKS, useTrials } from '../support/trials.js';
import { waitFor, within } from '../support/wait.js';

/** For a machine that has much else to do. */
const SLACK_MS = 5_000;

const hub = useTrials();

describe('a worker that dies', () => {
  it('1. killed at step 7 of 20: viewers see attempt 2, then all steps, and one end', async () => {
    const first = await hub.startWorker({ WORKER_SLOTS: '3' });
    const input = { steps: 20, everyMs: 50, fault: 'linger', at: 8, failAttempts: 1 };
    const crowd = await hub.submit(input, { watch: 200 });
    const alone = await Promise.all([0, 1].map(() => hub.submit(input, { watch: 0 })));
    alone[0]?.watch('ws', 0);
    alone[1]?.watch('sse', 1);
    const trials = [crowd, ...alone];
    await Promise.all(trials.map((trial) => trial.reached(7)));

    await first.kill('SIGKILL');
    const killedAt = Date.now();
    await hub.startWorker({ WORKER_SLOTS: '3' });

    for (const trial of trials) {
      await trial.ended();
      expect(await trial.faults()).toEqual([]);
      expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 2 });
      expect(await trial.runs()).toEqual([1, 2]);
      const [mark, ...more] = await trial.eventsOf('attempt');
      expect(mark?.data).toMatchObject({ attempt: 2, mode: 'restart' });
      expect(more).toEqual([]);
      // About 8 s with the default locks; the rest is for a busy machine.
      expect((mark?.at ?? Infinity) - killedAt).toBeLessThan(15_000);
      await hub.leftQueue(trial.id);
    }
  }, 60_000);

  it('2. killed between the terminal append and the end in the queue: nothing is done twice', async () => {
    const proxy = await TcpProxy.start(hub.cluster.redis.port);
    const url = `redis://127.0.0.1:${proxy.port}`;
    const first = await hub.startWorker({ ...QUICK_LOCKS, REDIS_URL: url });
    // queued, started, two events per step, completed
    const terminalSeq = 2 + 2 * 5 + 1;
    let hasHeard = false;
    proxy.judgeReplies((frame) => {
      if (!frame.includes(`stored\r\n:${terminalSeq}\r\n`)) return 'pass';
      hasHeard = true;
      // The worker hears that the end is stored, but its next word never arrives.
      setImmediate(() => {
        proxy.swallow();
      });
      return 'pass';
    });
    const trial = await hub.submit({ steps: 5 });
    await trial.ended();
    await waitFor(() => hasHeard);
    await first.kill('SIGKILL');
    const before = await trial.log();
    expect(await hub.isQueued(trial.id)).toBe(true);

    const second = await hub.startWorker(QUICK_LOCKS);
    await hub.leftQueue(trial.id);
    await trial.watch('sse').ended();

    expect(second.log.some((line) => line.includes('"nothing to run"'))).toBe(true);
    expect(await trial.faults()).toEqual([]);
    expect(await trial.log()).toEqual(before);
    expect(await trial.runs()).toEqual([1]);
    expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 1 });
  }, 60_000);

  it('3. stopped past its lock, then continued: nobody sees the zombie, and its host stops', async () => {
    const zombie = await hub.startWorker(QUICK_LOCKS);
    const trial = await hub.submit({ steps: 100, fault: 'endless', failAttempts: 1 });
    await trial.reached(5);
    const other = await hub.startWorker(QUICK_LOCKS);
    await zombie.kill('SIGSTOP');
    await trial.reached(1, 2);
    await zombie.kill('SIGCONT');

    const ofZombie = async () => (await trial.journal()).filter(({ attempt }) => attempt === 1);
    await waitFor(async () => (await ofZombie()).at(-1)?.what === 'ended');
    const emitted = (await ofZombie()).filter(({ what }) => what === 'step').length;
    await trial.ended();
    const stored = await trial.eventsOf('step');

    expect(await trial.faults()).toEqual([]);
    expect(await trial.runs()).toEqual([1, 2]);
    expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 2 });
    // The host went on while its worker stood still, but not for the viewers, and not for ever.
    expect(emitted).toBeGreaterThan(stored.filter(({ attempt }) => attempt === 1).length);

    await other.kill('SIGKILL');
    const next = await hub.submit({ steps: 3 });
    await next.ended();
    expect(await next.hosts()).toEqual((await trial.hosts()).slice(0, 1));
  }, 60_000);

  it('4. a job that kills every worker that takes it fails with worker_lost; the queue moves on', async () => {
    const env = { JOB_LOCK_MS: '1000', JOB_LOCK_RENEW_MS: '250', STALLED_INTERVAL_MS: '250' };
    const workers = await Promise.all([0, 1, 2, 3].map(() => hub.startWorker(env)));
    const poison = await hub.submit({ steps: 5, fault: 'poison' });
    await poison.ended();
    const next = await hub.submit({ steps: 5 });
    await next.ended();

    expect(await poison.faults()).toEqual([]);
    expect(await poison.runs()).toEqual([1, 2, 3]);
    const { createdAt, finishedAt, ...view } = await poison.view();
    expect(view).toMatchObject({ status: 'failed', error: { code: 'worker_lost' } });
    // Three times a lock and a look for the stalled, about 4 s; the rest is for a busy machine.
    expect(Number(finishedAt) - Number(createdAt)).toBeLessThan(12_000);
    expect(workers.filter(({ pid }) => isAlive(pid))).toHaveLength(1);
    await hub.leftQueue(poison.id);
    expect(await next.faults()).toEqual([]);
    expect(await next.view()).toMatchObject({ status: 'completed', attempt: 1 });
  }, 60_000);
});

describe('a worker that is told to end', () => {
  const drainMs = 8_000;
  /** What it hands over and closes may take 3 s more; the rest is for a busy machine. */
  const stopMs = drainMs + 3_000 + SLACK_MS;

  it('9. SIGTERM while busy: finishes a short job and ends with 0', async () => {
    const worker = await hub.startWorker({ DRAIN_TIMEOUT_MS: String(drainMs) });
    const trial = await hub.submit({ steps: 20, everyMs: 30 });
    await trial.reached(3);

    const code = await within(worker.kill('SIGTERM'), stopMs, 'the end of the worker');
    await trial.ended();

    expect(code).toBe(0);
    expect(await trial.faults()).toEqual([]);
    expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 1 });
  }, 60_000);

  it('9. SIGTERM under load: hands over what is long or hears nothing, and ends with 0', async () => {
    const limits = { DRAIN_TIMEOUT_MS: String(drainMs), KILL_AFTER_MS: '1500' };
    const env = { WORKER_SLOTS: '4', ...limits };
    const first = await hub.startWorker(env);
    const long = { fault: 'linger', failAttempts: 1 };
    const deaf = { fault: 'block', blockMs: 60_000, failAttempts: 1 };
    const short = { steps: 10, everyMs: 40 };
    const busy = await Promise.all([long, deaf, short, short].map((input) => hub.submit(input)));
    await Promise.all(busy.map((trial) => trial.reached(2)));
    const waiting = await Promise.all([0, 1].map(() => hub.submit({ steps: 5 })));

    const end = within(first.kill('SIGTERM'), stopMs, 'the end of the worker');
    await hub.startWorker(env);
    const trials = [...busy, ...waiting];
    await Promise.all(trials.map((trial) => trial.ended()));

    expect(await end).toBe(0);
    const views = await Promise.all(trials.map((trial) => trial.view()));
    expect(views.map(({ status }) => status)).toEqual(Array(6).fill('completed'));
    expect(views.map(({ attempt }) => attempt)).toEqual([2, 2, 1, 1, 1, 1]);
    for (const trial of trials) expect(await trial.faults()).toEqual([]);
    // What listens is told and ends by itself; what does not is killed.
    const lasts = busy.slice(0, 2).map(async (trial) => {
      const lines = (await trial.journal()).filter((line) => line.attempt === 1);
      return lines.at(-1)?.what;
    });
    expect(await Promise.all(lasts)).toEqual(['ended', 'fault']);
  }, 60_000);
});

describe('a worker whose clock is wrong', () => {
  const MINUTE_MS = 60_000;

  function expectShift({ log }: AppProcess, minutes: number): void {
    const { time } = JSON.parse(log.at(-1) ?? '{}') as { time: number };
    expect(Math.abs(time - Date.now() - minutes * MINUTE_MS)).toBeLessThan(MINUTE_MS);
  }

  /** Of the events, and of what the last one says: the clock of Redis, which is this machine's. */
  function expectTimes(log: readonly SeenEvent[], begin: number): void {
    for (const { at } of log) {
      expect(at).toBeGreaterThanOrEqual(begin);
      expect(at).toBeLessThanOrEqual(Date.now());
    }
    const { metrics = {}, stoppedAfterMs = 0 } = log.at(-1)?.data ?? {};
    const { queuedMs = 0, runMs = 0 } = metrics as { queuedMs?: number; runMs?: number };
    for (const ms of [queuedMs, runMs, stoppedAfterMs]) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(Date.now() - begin);
    }
  }

  it('10. ten minutes fast, then slow: leases, attempts and times are right', async () => {
    const begin = Date.now();
    const env = { ...QUICK_LOCKS, WORKER_SLOTS: '3' };
    const start = (minutes: number) =>
      hub.startWorker({ ...env, ...shiftedClock(minutes * MINUTE_MS) });
    const options = { onDisconnect: { policy: 'cancel', graceMs: 200 } };
    const chain = await hub.submit({ fault: 'linger', failAttempts: 2 });
    let worker = await start(10);
    for (const [index, minutes] of [10, -10].entries()) {
      expectShift(worker, minutes);
      await chain.reached(2, index + 1);
      // Longer than the lock: the next worker would take it if it thought the lock over.
      const held = await hub.submit({ steps: 30, everyMs: 100 }, options);
      const left = await hub.submit({ fault: 'linger' }, options);
      await Promise.all([held.reached(1), left.reached(2)]);
      const next = await start(-minutes);
      for (const watcher of left.watchers) watcher.stop();
      await waitFor(async () => (await left.view()).status === 'cancelled');
      await held.ended();

      expect(await held.faults()).toEqual([]);
      expect(await held.view()).toMatchObject({ status: 'completed', attempt: 1 });
      const { cancel, attempt } = await left.view();
      expect({ cancel, attempt }).toMatchObject({ cancel: { by: 'disconnect' }, attempt: 1 });
      for (const trial of [held, left]) expectTimes(await trial.log(), begin);

      await worker.kill('SIGKILL');
      worker = next;
    }
    await chain.ended();

    expect(await chain.faults()).toEqual([]);
    expect(await chain.runs()).toEqual([1, 2, 3]);
    expect(await chain.view()).toMatchObject({ status: 'completed', attempt: 3 });
    expectTimes(await chain.log(), begin);
  }, 90_000);

  it('10. a retry ordered by a fast clock is not late for a slow one, though it dies', async () => {
    const first = await hub.startWorker(shiftedClock(10 * MINUTE_MS));
    const trial = await hub.submit({ fault: 'throw', failAttempts: 1 }, { attempts: 2 });
    await waitFor(() => hub.isPaused(trial.id));
    await first.kill('SIGKILL');
    await hub.startWorker(shiftedClock(-10 * MINUTE_MS));
    await trial.ended(40_000);

    expect(await trial.faults()).toEqual([]);
    expect(await trial.runs()).toEqual([1, 2]);
    expect(await trial.view()).toMatchObject({ status: 'completed', attempt: 2 });
  }, 60_000);
});

describe('after all of that', () => {
  it('leaves no channel, subscription, lease, queued job or connection of all those viewers behind', async () => {
    await hub.expectNothingLeft();

    expect(hub.cluster.gateways.every(({ pid }) => isAlive(pid))).toBe(true);
  }, 60_000);
});
