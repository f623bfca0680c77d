import { describe, expect, it } from '@jest/globals';
import type { JobRecords, WorkerDirectory } from '@stepcast/hub';
import { createRegistry, defineModel, z, type Model } from '@stepcast/models';
import { StepcastError } from '@stepcast/protocol';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { HostOutcome, HostRun, RunListener } from './host/host-run.js';
import type { RunHost } from './job-run.js';
import { JobRunner } from './job-runner.js';
import type { QueueTicket } from './queue-ticket.js';
import { FakeLog, createClaim } from '../testing/fake-log.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';
import { WorkerMetrics } from './worker-metrics.js';

class FakeHost implements RunHost {
  readonly id = '0.1:42';
  readonly models = { count: { device: 'cpu' } };
  listener: RunListener | undefined;
  command: { readonly saved?: string | undefined } | undefined;
  acked = 0;
  isStopped = false;
  isIdle: Promise<boolean> = Promise.resolve(true);
  settle: (outcome: HostOutcome) => void = () => undefined;
  /** What a stop leads to; undefined: nothing. */
  onStop: HostOutcome | undefined = { kind: 'aborted', killed: false };

  hasRoom(): boolean {
    return true;
  }
  whenReady(): Promise<boolean> {
    return this.isIdle;
  }

  run(command: { readonly saved?: string | undefined }, listener: RunListener): HostRun {
    this.command = command;
    this.listener = listener;
    const outcome = new Promise<HostOutcome>((resolve) => (this.settle = resolve));
    return {
      outcome,
      ack: (count) => (this.acked += count),
      stop: () => {
        this.isStopped = true;
        if (this.onStop !== undefined) this.settle(this.onStop);
      },
    };
  }

  step(step: number): void {
    this.listener?.onEvent({ type: 'step', data: `{"step":${step}}`, progress: { step, of: 3 } });
  }
}

class FakeTicket implements QueueTicket {
  readonly job = 'job';
  readonly model = 'count';
  readonly endings: string[] = [];
  hasAttemptsLeft = false;
  deferredFailure: string | undefined;
  lose: () => void = () => undefined;

  onLost(listener: () => void): void {
    this.lose = listener;
  }
  complete = () => this.#end('complete');
  retry = (reason: string) => this.#end(`retry ${reason}`);
  fail = (reason: string) => this.#end(`fail ${reason}`);
  giveBack = () => this.#end('give back');
  drop(): void {
    this.endings.push('drop');
  }
  #end(what: string): Promise<void> {
    this.endings.push(what);
    return Promise.resolve();
  }
}

const saving = defineModel({
  name: 'count',
  version: '7',
  description: 'Test.',
  input: z.object({}),
  output: z.unknown(),
  checkpoint: z.unknown(),
  run: () => null,
});

function create({ models = [] as Model[] } = {}) {
  const log = new FakeLog();
  const host = new FakeHost();
  const ticket = new FakeTicket();
  const durations: number[] = [];
  const failed: string[] = [];
  const runner = new JobRunner({
    workerId: 'w1',
    log,
    records: {
      fail: (_job: string, code: string) => Promise.resolve(failed.push(code) > 0),
    } as unknown as JobRecords,
    registry: createRegistry(models),
    directory: {
      recordDuration: (_model: string, ms: number) => Promise.resolve(void durations.push(ms)),
    } as unknown as WorkerDirectory,
    metrics: new WorkerMetrics(new Registry(), () => 0),
    logger: pino({ level: 'silent' }),
    snapshotEvents: 5_000,
  });
  const run = () => {
    const running = runner.run(ticket, host);
    return { running, begun: waitFor(() => host.listener !== undefined, 'running') };
  };
  const last = () => {
    const event = log.events.at(-1);
    return { type: event?.type, data: JSON.parse(event?.data ?? 'null') as unknown };
  };
  return { log, host, ticket, runner, run, last, durations, failed };
}

describe('JobRunner', () => {
  it('writes started, the events and completed, and then tells the queue (J4)', async () => {
    const { log, host, ticket, run, last, durations } = create();
    const { running, begun } = run();
    await begun;

    host.step(1);
    host.listener?.onLog('warn', 'odd');
    await waitFor(() => host.acked === 2);
    expect(ticket.endings).toEqual([]);
    host.settle({ kind: 'done', output: '{"sum":1}' });
    await running;

    expect(log.typesAndData().slice(0, 3)).toEqual([
      'started {"worker":"w1","device":"cpu","host":"w1/0.1:42"}',
      'step {"step":1}',
      'log {"level":"warn","message":"odd"}',
    ]);
    expect(last()).toEqual({
      type: 'completed',
      data: {
        output: { sum: 1 },
        metrics: { queuedMs: 500, runMs: expect.any(Number), events: 1 },
      },
    });
    expect(ticket.endings).toEqual(['complete', 'drop']);
    expect(durations).toHaveLength(1);
  });

  it.each(['closed', 'missing'] as const)('runs nothing for a job that is %s', async (kind) => {
    const { log, host, ticket, runner } = create();
    log.claimResult = { kind };

    await runner.run(ticket, host);

    expect(host.listener).toBeUndefined();
    expect(log.events).toEqual([]);
    expect(ticket.endings).toEqual(['complete', 'drop']);
  });

  it('claims once, however often the claim must be sent', async () => {
    const { log, host, run } = create();
    log.onClaim = () => {
      if (log.claims.length < 3) throw new StepcastError('unavailable');
    };
    const { running, begun } = run();
    await begun;
    host.settle({ kind: 'done', output: '{}' });
    await running;

    const tokens = log.claims.map(({ token }) => token);
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).toEqual(expect.stringMatching(/.{16,}/));
  });

  it('does not claim what the queue has given to another while the store was away', async () => {
    const { log, host, ticket, runner } = create();
    log.onClaim = () => {
      if (log.claims.length === 2) ticket.lose();
      throw new StepcastError('unavailable');
    };

    await runner.run(ticket, host);

    expect(log.claims).toHaveLength(2);
    expect(host.listener).toBeUndefined();
    expect(ticket.endings).toEqual(['drop']);
  });

  it('ends a job that too many workers died of as worker_lost, without running it', async () => {
    const { host, ticket, runner, failed } = create();
    ticket.deferredFailure = 'stalled too often';

    await runner.run(ticket, host);

    expect(host.listener).toBeUndefined();
    expect(failed).toEqual(['worker_lost']);
    expect(ticket.endings[0]).toMatch(/^fail /);
  });

  it('writes cancelled only when the host has stopped, and the queue does not retry (J2)', async () => {
    const { log, host, ticket, runner, run, last } = create();
    ticket.hasAttemptsLeft = true;
    host.onStop = undefined;
    const { running, begun } = run();
    await begun;
    log.stop = { by: 'client', reason: 'enough', at: 10_400 };

    runner.nudge('job');
    await waitFor(() => host.isStopped);
    expect(log.isClosed).toBe(false);
    host.settle({ kind: 'aborted', killed: true });
    await running;

    expect(last()).toEqual({
      type: 'cancelled',
      data: { by: 'client', reason: 'enough', stoppedAfterMs: expect.any(Number) },
    });
    expect(ticket.endings).toEqual(['complete', 'drop']);
  });

  it('never reports a negative time to stop, whatever the clocks say', async () => {
    const { log, host, run, last } = create();
    const { running, begun } = run();
    await begun;
    log.stop = { by: 'disconnect', reason: '', at: 999_999 };

    host.step(1);
    await running;

    expect(last()).toMatchObject({ type: 'cancelled', data: { stoppedAfterMs: 0 } });
  });

  it('is cancelled although the model finished, when the order came first (J3)', async () => {
    const { log, host, run, last } = create();
    host.onStop = { kind: 'done', output: '{}' };
    const { running, begun } = run();
    await begun;
    log.stop = { by: 'client', reason: '', at: 10_500 };

    host.step(3);
    await running;

    expect(last().type).toBe('cancelled');
  });

  it('stops an attempt that takes longer than timeoutMs', async () => {
    const { log, run, last } = create();
    const claim = createClaim();
    const options = { ...claim.record.options, timeoutMs: 20 };
    log.claimResult = { ...claim, record: { ...claim.record, options } };

    await run().running;

    expect(last()).toMatchObject({ type: 'cancelled', data: { by: 'timeout' } });
  });

  it('repeats a failed attempt while attempts are left, with a line for the viewers', async () => {
    const { log, host, ticket, run, last } = create();
    ticket.hasAttemptsLeft = true;
    const { running, begun } = run();
    await begun;

    host.settle({ kind: 'failed', code: 'model_error', message: 'boom' });
    await running;

    expect(last()).toMatchObject({
      type: 'log',
      data: { level: 'error', message: expect.stringContaining('model_error: boom') },
    });
    expect(log.requeued).toEqual([1]);
    expect(ticket.endings).toEqual(['retry boom', 'drop']);
  });

  it('fails with the code of the last attempt, and for good', async () => {
    const { host, ticket, run, last, log } = create();
    const { running, begun } = run();
    await begun;

    host.settle({ kind: 'crashed', reason: 'was ended by SIGSEGV' });
    await running;

    expect(last()).toEqual({
      type: 'failed',
      data: {
        code: 'host_crashed',
        message: 'The process that ran the model died: it was ended by SIGSEGV.',
      },
    });
    expect(log.requeued).toEqual([]);
    expect(ticket.endings[0]).toMatch(/^fail The process/);
  });

  it('does not repeat an input that cannot be right', async () => {
    const { host, ticket, run, last } = create();
    ticket.hasAttemptsLeft = true;
    const { running, begun } = run();
    await begun;

    host.settle({ kind: 'failed', code: 'invalid_input', message: 'steps: too many' });
    await running;

    expect(last().type).toBe('failed');
    expect(ticket.endings[0]).toMatch(/^fail /);
  });

  it.each(['fenced', 'closed'] as const)(
    'leaves log and queue alone once %s (J1)',
    async (fence) => {
      const { log, host, ticket, run } = create();
      const { running, begun } = run();
      await begun;
      await waitFor(() => log.events.length === 1);
      log.fence = fence;

      host.step(1);
      await running;

      expect(host.isStopped).toBe(true);
      expect(log.events.map(({ type }) => type)).toEqual(['started']);
      expect(ticket.endings).toEqual(['drop']);
    },
  );

  it('asks the log when the lock is lost, and goes on if the job is still its own', async () => {
    const { log, host, ticket, run, last } = create();
    const { running, begun } = run();
    await begun;

    ticket.lose();
    await waitFor(() => log.checks === 1);
    expect(host.isStopped).toBe(false);
    host.settle({ kind: 'done', output: '1' });
    await running;

    expect(last().type).toBe('completed');
  });

  it('brings the model back to its checkpoint, and viewers first', async () => {
    const { log, host, run } = create({ models: [saving] });
    const entry = (seq: number, type: string, data: string) => ({
      ...{ seq, type },
      json: `{"job":"job","seq":${seq},"attempt":1,"type":"${type}","at":1,"data":${data}}`,
    });
    log.past = [entry(1, 'queued', '{}'), entry(2, 'step', '1'), entry(3, 'step', '2')];
    log.top = 3;
    const resume = { seq: 2, data: 'saved' };
    log.claimResult = { ...createClaim({ attempt: 2, top: 3 }), resume };

    const { running, begun } = run();
    await begun;
    host.listener?.onCheckpoint('newer');
    await waitFor(() => log.checkpoints.length === 1);
    host.settle({ kind: 'done', output: '1' });
    await running;

    expect(log.claims).toEqual([{ version: '7', token: expect.any(String) }]);
    expect(host.command).toMatchObject({ saved: 'saved', attempt: 2 });
    expect(log.events.map(({ type }) => type)).toEqual(['snapshot', 'started', 'completed']);
    expect(JSON.parse(log.events[0]!.data)).toMatchObject({ attempt: 2, events: { step: [1] } });
    expect(log.checkpoints).toMatchObject([{ data: 'newer', version: '7', seq: 5 }]);
    expect(host.acked).toBe(1);
  });

  it('tells viewers what is void also when the model never gets to run', async () => {
    const { log, host, runner, ticket, last } = create({ models: [saving] });
    log.past = [
      { seq: 2, type: 'step', json: '{"job":"job","seq":2,"attempt":1,"type":"step","data":1}' },
    ];
    log.top = 2;
    log.stop = { by: 'client', reason: '', at: 10_600 };
    log.claimResult = { ...createClaim({ attempt: 2, top: 2 }), resume: { seq: 1, data: 'x' } };
    host.isIdle = new Promise(() => undefined);

    await runner.run(ticket, host);

    expect(log.events.map(({ type }) => type)).toEqual(['snapshot', 'cancelled']);
    expect(last().type).toBe('cancelled');
  });

  it('leaves the queue alone when its last checkpoint finds another attempt (J1)', async () => {
    const { log, host, ticket, runner, run } = create({ models: [saving] });
    const { running, begun } = run();
    await begun;
    await waitFor(() => log.events.length === 1);
    log.fence = 'fenced';

    host.listener?.onCheckpoint('x');
    runner.handBackAll();
    await running;

    expect(ticket.endings).toEqual(['drop']);
    expect(log.requeued).toEqual([]);
  });

  it('claims without a version for a model that saves nothing', async () => {
    const { log, host, run } = create();
    const { running, begun } = run();
    await begun;
    host.settle({ kind: 'done', output: '1' });
    await running;

    expect(log.claims).toEqual([{ token: expect.any(String) }]);
  });

  it('gives a job back when the worker shuts down, unless it is to stop anyway', async () => {
    const { log, ticket, runner, run } = create();
    const { running, begun } = run();
    await begun;

    runner.handBackAll();
    await running;

    expect(log.isClosed).toBe(false);
    expect(log.requeued).toEqual([1]);
    expect(ticket.endings).toEqual(['give back', 'drop']);
  });

  it('cancels instead of giving back when the order to stop comes with the last answer', async () => {
    const { log, host, runner, run, last } = create();
    const { running, begun } = run();
    await begun;
    await waitFor(() => log.events.length === 1);
    log.stop = { by: 'client', reason: '', at: 10_600 };

    host.step(1);
    runner.handBackAll();
    await running;

    expect(last().type).toBe('cancelled');
    expect(log.requeued).toEqual([]);
  });

  it('does not wait for a host that does not come back once the job is to stop', async () => {
    const { log, host, runner, ticket, last } = create();
    host.isIdle = new Promise(() => undefined);
    log.stop = { by: 'client', reason: '', at: 10_600 };
    const running = runner.run(ticket, host);
    await new Promise((resolve) => setTimeout(resolve, 5));

    runner.nudge('job');
    await running;

    expect(last().type).toBe('cancelled');
    expect(host.listener).toBeUndefined();
  });

  it('fails a job whose events fold to more than can be kept, and stops its model', async () => {
    const { host, last, run } = create();
    const { running, begun } = run();
    await begun;
    const data = JSON.stringify({ text: 'x'.repeat(1_048_576) });

    for (let i = 0; i < 17; i++) host.listener?.onEvent({ type: 'step', data });
    await running;

    expect(host.isStopped).toBe(true);
    expect(last()).toMatchObject({
      type: 'failed',
      data: { code: 'invalid_event', message: expect.stringContaining('more than 16 MiB') },
    });
  });
});
