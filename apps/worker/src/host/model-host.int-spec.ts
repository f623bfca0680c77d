import path from 'node:path';
import { fork } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { createModelFolder } from '../../testing/model-folder.js';
import { waitFor } from '../../../../libs/hub/testing/wait-for.js';
import type { HostOutcome, HostRun } from './host-run.js';
import type { BatchesMessage } from './host-protocol.js';
import { ModelHost } from './model-host.js';

const FILE = path.resolve('apps/worker/dist/host/host.main.js');
const KILL_AFTER_MS = 300;
const ANY = { job: 'any', model: 'count' };

jest.setTimeout(20_000);

interface RunSettings {
  isAcking?: boolean;
  saved?: string | undefined;
  job?: string;
}

/** Needs a build: npx tsc -b apps/worker/tsconfig.build.json */
describe('ModelHost with a real process', () => {
  let folder: Awaited<ReturnType<typeof createModelFolder>>;
  const hosts: ModelHost[] = [];
  const lines: string[] = [];
  const batches: BatchesMessage[] = [];

  beforeAll(async () => {
    folder = await createModelFolder();
  });
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.close()));
  });
  afterAll(() => folder.remove());

  async function start(): Promise<ModelHost> {
    const stream = { write: (line: string) => void lines.push(line) };
    const host = new ModelHost({
      slot: 0,
      file: FILE,
      init: { modelsDirectory: folder.directory, providers: ['cpu'], threads: 1, maxBatchSize: 0 },
      killAfterMs: KILL_AFTER_MS,
      startTimeoutMs: 10_000,
      logger: pino({}, stream),
      capacityOf: (model) => (model === 'together' ? 3 : 1),
      onIdle: () => undefined,
      onRestart: () => undefined,
      onBatches: (message) => void batches.push(message),
    });
    hosts.push(host);
    host.start();
    await host.whenReady(ANY);
    return host;
  }

  function run(
    host: ModelHost,
    model: string,
    input: unknown = {},
    { isAcking = true, saved, job = `job-${model}` }: RunSettings = {},
  ) {
    const events: string[] = [];
    const logs: string[] = [];
    const checkpoints: string[] = [];
    let onFirst: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      onFirst = resolve;
    });
    const place = { job, attempt: 1, model };
    const command = { ...place, input: JSON.stringify(input), saved };
    const hostRun: HostRun = host.run(command, {
      onEvent: ({ data }) => {
        events.push(data);
        onFirst();
        if (isAcking) hostRun.ack(1);
      },
      onLog: (level, message) => logs.push(`${level} ${message}`),
      onCheckpoint: (data) => {
        checkpoints.push(data);
        if (isAcking) hostRun.ack(1);
      },
    });
    return { events, logs, checkpoints, first, hostRun, outcome: hostRun.outcome };
  }

  const pidOf = (outcome: HostOutcome): number => {
    if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
    return (JSON.parse(outcome.output) as { pid: number }).pid;
  };
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it('serves many jobs from one warm process, and says what it loaded', async () => {
    const host = await start();

    const first = run(host, 'count');
    const pid = pidOf(await first.outcome);
    const second = pidOf(await run(host, 'count').outcome);

    expect(first.events).toEqual([1, 2, 3].map((step) => `{"step":${step},"of":3}`));
    expect(second).toBe(pid);
    expect(host.id).toBe(`0.1:${pid}`);
    expect(host.models['count']).toMatchObject({ device: 'cpu' });
    expect(host.failures).toEqual({ unloadable: 'no weights' });
  });

  it('takes one job at a time (M1)', async () => {
    const host = await start();
    const { hostRun, outcome } = run(host, 'count', { steps: 1_000, ms: 5 });

    expect(() => run(host, 'count')).toThrow(/running host takes no job of count/);

    hostRun.stop();
    await outcome;
  });

  it('stops a model at its next step and keeps the process warm', async () => {
    const host = await start();
    const before = host.id;
    const { first, hostRun, outcome } = run(host, 'count', { steps: 1_000, ms: 5 });
    await first;

    hostRun.stop();

    expect(await outcome).toEqual({ kind: 'aborted', killed: false });
    expect(host.state).toBe('idle');
    expect(host.id).toBe(before);
  });

  it('kills a model that ignores the signal, and is warm again afterwards (M2, M3)', async () => {
    const host = await start();
    const pid = Number(host.id.split(':')[1]);
    const { first, hostRun, outcome } = run(host, 'stubborn');
    await first;
    const stoppedAt = performance.now();

    hostRun.stop();

    expect(await outcome).toEqual({ kind: 'aborted', killed: true });
    expect(performance.now() - stoppedAt).toBeGreaterThanOrEqual(KILL_AFTER_MS - 20);
    expect(isAlive(pid)).toBe(false);
    await host.whenReady(ANY);
    expect(pidOf(await run(host, 'count').outcome)).not.toBe(pid);
    expect(host.id).toMatch(/^0\.2:/);
  });

  it('reports a crash and replaces the process (M3)', async () => {
    const host = await start();

    const outcome = await run(host, 'crash').outcome;

    expect(outcome).toEqual({ kind: 'crashed', reason: 'exited with code 3' });
    await host.whenReady(ANY);
    expect((await run(host, 'count').outcome).kind).toBe('done');
  });

  it('lets a model be ahead by one window only', async () => {
    const host = await start();
    const { events, hostRun, outcome } = run(host, 'flood', { steps: 2_000 }, { isAcking: false });

    /** All that it may send, and a while in which it could have sent too much. */
    const reached = async (count: number) => {
      await waitFor(() => events.length >= count);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return events.length;
    };
    expect(await reached(256)).toBe(256);
    hostRun.ack(100);
    expect(await reached(356)).toBe(356);

    hostRun.stop();
    expect((await outcome).kind).toBe('aborted');
  });

  it('brings what a model saves to the worker, and back to the model', async () => {
    const host = await start();
    const first = run(host, 'saves');
    await first.outcome;
    const second = run(host, 'saves', {}, { saved: first.checkpoints[1] });
    await second.outcome;

    expect(first.checkpoints).toHaveLength(3);
    expect(second.events).toEqual(['{"step":3,"of":3}']);
    expect(second.checkpoints).toEqual(first.checkpoints.slice(2));
  });

  it('lets a model save no more than the window holds until it is stored', async () => {
    const host = await start();
    const { checkpoints, hostRun, outcome } = run(host, 'hoards', {}, { isAcking: false });

    await waitFor(() => checkpoints.length >= 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Each is more than the bytes of a window.
    expect(checkpoints.length).toBe(1);
    hostRun.ack(1);
    await waitFor(() => checkpoints.length === 2);

    hostRun.stop();
    expect(await outcome).toEqual({ kind: 'aborted', killed: false });
  });

  it('passes on errors safely, log lines of the job, and what the model prints', async () => {
    const host = await start();

    const { outcome, logs } = run(host, 'throws');

    expect(await outcome).toMatchObject({
      kind: 'failed',
      code: 'model_error',
      message: 'boom at …/model.js',
      stack: expect.stringContaining('model.js'),
    });
    expect(logs).toEqual(['warn { attempt: 1 }']);
    // Its output comes over a pipe, its events over IPC: neither waits for the other.
    await waitFor(() => lines.some((line) => line.includes('printed')));
    expect(await run(host, 'unloadable').outcome).toMatchObject({ code: 'model_unavailable' });
  });

  it('runs jobs of one model together, each with its own events and end (M1)', async () => {
    const host = await start();
    const pid = pidOf(await run(host, 'count').outcome);
    const jobs = [3, 5, 8].map((steps) =>
      run(host, 'together', { steps }, { job: `job-${String(steps)}` }),
    );

    expect(() => run(host, 'together', {}, { job: 'one too many' })).toThrow(/takes no job/);
    expect(() => run(host, 'count')).toThrow(/takes no job of count/);
    const outcomes = await Promise.all(jobs.map(({ outcome }) => outcome));

    expect(outcomes.map(pidOf)).toEqual([pid, pid, pid]);
    expect(jobs.map(({ events }) => events.length)).toEqual([3, 5, 8]);
    expect(host.state).toBe('idle');
    await waitFor(() => batches.some(({ sizes }) => (sizes['3'] ?? 0) > 0));
  });

  it('lets a job leave the others, who go on in the same process (M5)', async () => {
    const host = await start();
    const before = host.id;
    const leaver = run(host, 'together', { steps: 1_000_000 }, { job: 'leaver' });
    const stayer = run(host, 'together', { steps: 60, ms: 10 }, { job: 'stayer' });
    await Promise.all([leaver.first, stayer.first]);

    leaver.hostRun.stop();

    expect(await leaver.outcome).toEqual({ kind: 'aborted', killed: false });
    expect((await stayer.outcome).kind).toBe('done');
    expect(stayer.events).toHaveLength(60);
    expect(host.id).toBe(before);
  });

  it('kills a step that hangs only when every job in it is to stop (M5)', async () => {
    const host = await start();
    const first = run(host, 'together', { steps: 1_000_000 }, { job: 'first' });
    const second = run(host, 'together', { steps: 3, ms: -1 }, { job: 'second' });
    await waitFor(() => lines.some((line) => line.includes('hangs')));
    const pid = Number(host.id.split(':')[1]);

    first.hostRun.stop();
    // It is overdue then, and the other is not to stop yet. Nobody may join them.
    await waitFor(() => !host.isJoinable);
    expect(isAlive(pid)).toBe(true);
    expect(host.hasRoom({ job: 'third', model: 'together' })).toBe(false);
    second.hostRun.stop();

    const killed = { kind: 'aborted', killed: true };
    expect(await Promise.all([first.outcome, second.outcome])).toEqual([killed, killed]);
  });

  it('takes a newer attempt of a job only when the older one has left (M1)', async () => {
    const host = await start();
    const command = { job: 'twice', model: 'together' };
    const older = run(host, 'together', { steps: 1_000_000 }, { job: 'twice' });
    await older.first;

    expect(host.hasRoom(command)).toBe(false);
    expect(() => run(host, 'together', {}, { job: 'twice' })).toThrow(/takes no job/);
    older.hostRun.stop();
    await host.whenReady(command);

    expect((await older.outcome).kind).toBe('aborted');
    expect((await run(host, 'together', {}, { job: 'twice' }).outcome).kind).toBe('done');
  });

  it('takes the place of a process whose models have changed, once its job has ended (M6)', async () => {
    const host = await start();
    const { first, outcome } = run(host, 'count', { steps: 20, ms: 5 });
    await first;

    host.renew();
    const old = pidOf(await outcome);
    await host.whenReady(ANY);

    expect(pidOf(await run(host, 'count').outcome)).not.toBe(old);
    await waitFor(() => !isAlive(old));
    expect(host.isJoinable).toBe(true);
  });

  it('leaves no process behind after close, whatever it does (M4)', async () => {
    const host = await start();
    const pid = Number(host.id.split(':')[1]);
    const { first, outcome } = run(host, 'stubborn');
    await first;

    await host.close();

    expect(isAlive(pid)).toBe(false);
    expect(await outcome).toEqual({ kind: 'aborted', killed: true });
  });

  it('ends with its worker, even while a model does not give the event loop back', async () => {
    const script = path.resolve('apps/worker/testing/orphan-parent.mjs');
    const parent = fork(script, [FILE, folder.directory], { execArgv: [] });
    const pid = await new Promise<number>((resolve) => {
      parent.on('message', (message) => {
        resolve((message as { pid: number }).pid);
      });
    });

    parent.kill('SIGKILL');

    const deadline = performance.now() + 8_000;
    while (isAlive(pid) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(isAlive(pid)).toBe(false);
  });
});
