/**
 * One slot of a worker: a host process that is kept warm, seen from the worker.
 *
 *   starting ──ready──► idle ──run──► running ──outcome──► idle
 *      │                 │              │ stop
 *      │                 │              ▼
 *      │                 │           stopping ──outcome──► idle
 *      │                 │              │ kill deadline: SIGKILL
 *      └───────exit──────┴──────┬───────┘
 *                               ▼
 *                  waiting (backoff) ──► starting          close() from anywhere ──► closed
 *
 * - M1 One job at a time; a run can only begin in `idle`.
 * - M2 The outcome of a run is settled exactly once, when nothing of it runs any more: after a kill only
 *   when the process has exited.
 * - M3 A process that exits is replaced by a new one (a new generation): at once after it was ready, with
 *   a growing pause while it does not even start.
 * - M4 After `close` has resolved no process is left.
 */
import type { Logger } from '@stepcast/platform';
import { HostChild, type HostExit } from './host-child.js';
import { ActiveRun, type HostOutcome, type HostRun, type RunListener } from './host-run.js';
import type { HostMessage, InitCommand, ReadyMessage, RunCommand } from './host-protocol.js';

export interface ModelHostOptions {
  /** Number of the slot, from 0. */
  readonly slot: number;
  /** Path of the compiled `host.main.js`. */
  readonly file: string;
  readonly init: Omit<InitCommand, 'kind'>;
  /** How long a run may take to stop; its longest step so far, if that is longer. */
  readonly killAfterMs: number;
  /** How long all models may take to load. */
  readonly startTimeoutMs: number;
  readonly logger: Logger;
  /** The host can take a job. */
  readonly onIdle: () => void;
  readonly onRestart: (reason: string) => void;
}

type State =
  | { readonly kind: 'starting'; readonly child: HostChild; readonly deadline: NodeJS.Timeout }
  | { readonly kind: 'idle'; readonly child: HostChild }
  | { readonly kind: 'running'; readonly child: HostChild; readonly run: ActiveRun }
  | {
      readonly kind: 'stopping';
      readonly child: HostChild;
      readonly run: ActiveRun;
      readonly deadline: NodeJS.Timeout;
    }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' };

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 15_000;
/** A step may vary: the kill waits for half again of the longest one. */
const STEP_TOLERANCE = 1.5;
/** No pause between steps, such as a wait for a store that is down, delays a kill beyond this. */
const MAX_STEP_MS = 60_000;

export class ModelHost {
  readonly #options: ModelHostOptions;
  #state: State = { kind: 'closed' };
  #generation = 0;
  #failedStarts = 0;
  #ready: Pick<ReadyMessage, 'models' | 'failures'> = { models: {}, failures: {} };
  readonly #waiters: (() => void)[] = [];

  constructor(options: ModelHostOptions) {
    this.#options = options;
  }

  get state(): State['kind'] {
    return this.#state.kind;
  }

  /** `<slot>.<generation>:<pid>`; the same again means that the same process was warm. */
  get id(): string {
    const pid = 'child' in this.#state ? this.#state.child.pid : 0;
    return `${this.#options.slot}.${this.#generation}:${pid}`;
  }

  /** The models of the newest process that was ready, with the device really used. */
  get models(): ReadyMessage['models'] {
    return this.#ready.models;
  }

  /** Models that it could not load, with the reason. */
  get failures(): ReadyMessage['failures'] {
    return this.#ready.failures;
  }

  start(): void {
    this.#generation += 1;
    const child: HostChild = new HostChild(this.#options.file, {
      onMessage: (message) => {
        this.#onMessage(child, message);
      },
      onLine: (line) => {
        this.#options.logger.info({ host: this.id }, line);
      },
      onExit: (exit) => {
        this.#onExit(child, exit);
      },
    });
    const deadline = setTimeout(() => {
      this.#options.logger.error({ host: this.id }, 'the model host took too long to start');
      child.kill();
    }, this.#options.startTimeoutMs);
    this.#state = { kind: 'starting', child, deadline };
    child.send({ kind: 'init', ...this.#options.init });
  }

  /** Resolves when a run can begin; false if the host was closed instead. */
  async whenIdle(): Promise<boolean> {
    while (this.#state.kind !== 'idle') {
      if (this.#state.kind === 'closed') return false;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return true;
  }

  /** Begins a run. Only in `idle` (M1). */
  run(command: Omit<RunCommand, 'kind'>, listener: RunListener): HostRun {
    if (this.#state.kind !== 'idle') throw new Error(`a ${this.#state.kind} host takes no job`);
    const { child } = this.#state;
    const { job } = command;
    const run = new ActiveRun(job, listener, performance.now());
    this.#state = { kind: 'running', child, run };
    child.send({ kind: 'run', ...command });
    return {
      outcome: run.outcome,
      ack: (count) => {
        child.send({ kind: 'ack', job, count });
      },
      stop: () => {
        this.#stop(run);
      },
    };
  }

  /** Ends the process, whatever it does, and waits until it is gone. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    this.#wakeWaiters();
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if ('deadline' in state) clearTimeout(state.deadline);
    if (!('child' in state)) return;
    state.child.kill();
    await state.child.exited;
    if ('run' in state) state.run.settle({ kind: 'aborted', killed: true });
  }

  #stop(run: ActiveRun): void {
    if (this.#state.kind !== 'running' || this.#state.run !== run) return;
    const { child } = this.#state;
    const step = Math.min(run.longestStepMs * STEP_TOLERANCE, MAX_STEP_MS);
    const afterMs = Math.max(this.#options.killAfterMs, step);
    const deadline = setTimeout(() => {
      const fields = { host: this.id, job: run.job, afterMs };
      this.#options.logger.warn(fields, 'the model does not stop: its host is killed');
      child.kill();
    }, afterMs);
    this.#state = { kind: 'stopping', child, run, deadline };
    child.send({ kind: 'cancel', job: run.job });
  }

  #onMessage(child: HostChild, message: HostMessage): void {
    if (!('child' in this.#state) || this.#state.child !== child) return;
    if (message.kind === 'ready') {
      this.#onReady(message);
      return;
    }
    if (message.kind === 'log' && message.job === undefined) {
      this.#options.logger[message.level]({ host: this.id }, message.message);
      return;
    }
    const state = this.#state;
    if (!('run' in state) || state.run.job !== message.job) return;
    this.#onRunMessage(state.run, message);
  }

  #onRunMessage(run: ActiveRun, message: Exclude<HostMessage, ReadyMessage>): void {
    switch (message.kind) {
      case 'event':
        run.sawEvent(performance.now());
        run.listener.onEvent(message);
        return;
      case 'log':
        run.listener.onLog(message.level, message.message);
        return;
      case 'checkpoint':
        run.listener.onCheckpoint(message.data);
        return;
      case 'aborted':
        this.#finish(run, { kind: 'aborted', killed: false });
        return;
      case 'done':
      case 'failed':
        this.#finish(run, message);
    }
  }

  #onReady({ models, failures }: ReadyMessage): void {
    if (this.#state.kind !== 'starting') return;
    clearTimeout(this.#state.deadline);
    this.#failedStarts = 0;
    this.#ready = { models, failures };
    this.#options.logger.info({ host: this.id, models, failures }, 'the model host is warm');
    this.#state = { kind: 'idle', child: this.#state.child };
    this.#announce();
  }

  #finish(run: ActiveRun, outcome: HostOutcome): void {
    const state = this.#state;
    if (!('run' in state) || state.run !== run) return;
    if (state.kind === 'stopping') clearTimeout(state.deadline);
    this.#state = { kind: 'idle', child: state.child };
    run.settle(outcome);
    this.#announce();
  }

  #onExit(child: HostChild, { reason }: HostExit): void {
    const state = this.#state;
    if (!('child' in state) || state.child !== child) return;
    if ('deadline' in state) clearTimeout(state.deadline);
    this.#options.logger.warn({ host: this.id, reason }, 'the model host is gone');
    if (state.kind === 'starting') this.#failedStarts += 1;
    const timer = setTimeout(() => {
      this.start();
    }, this.#backoffMs());
    this.#state = { kind: 'waiting', timer };
    this.#options.onRestart(reason);
    if (state.kind === 'running') state.run.settle({ kind: 'crashed', reason });
    if (state.kind === 'stopping') state.run.settle({ kind: 'aborted', killed: true });
  }

  #announce(): void {
    this.#wakeWaiters();
    this.#options.onIdle();
  }

  #wakeWaiters(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #backoffMs(): number {
    if (this.#failedStarts === 0) return 0;
    return Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failedStarts - 1), MAX_BACKOFF_MS);
  }
}
