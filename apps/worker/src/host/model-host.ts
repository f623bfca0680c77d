/**
 * One slot of a worker: a host process that is kept warm, seen from the worker.
 *
 *   starting ──ready──► idle ──run──► running ──last outcome──► idle
 *      │                 │              │ run: another job of the same model, if it batches
 *      │                 │              │ stop: one job leaves; SIGKILL when all are overdue
 *      └───────exit──────┴──────┬───────┘
 *                               ▼
 *                  waiting (backoff) ──► starting          close() from anywhere ──► closed
 *
 * - M1 Jobs of one model at a time, and not more than it can batch; a run can only begin in `idle`, or
 *   beside runs of the same model.
 * - M2 The outcome of a run is settled exactly once, when nothing of it runs any more: after a kill only
 *   when the process has exited.
 * - M3 A process that exits is replaced by a new one (a new generation): at once after it was ready, with
 *   a growing pause while it does not even start.
 * - M4 After `close` has resolved no process is left.
 * - M5 The process is killed only when every job in it is to stop and has had its time: who leaves a batch
 *   harms nobody in it. From the first that is overdue on nobody joins.
 * - M6 A process whose models have changed takes no further job, and is replaced when its last one ends.
 */
import type { Logger } from '@stepcast/platform';
import { HostChild, type HostExit } from './host-child.js';
import { ActiveRun, type HostOutcome, type HostRun, type RunListener } from './host-run.js';
import type {
  BatchesMessage,
  HostMessage,
  InitCommand,
  ReadyMessage,
  RunCommand,
} from './host-protocol.js';

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
  /** How many jobs of a model one host runs together. */
  readonly capacityOf: (model: string) => number;
  /** The host can take a job. */
  readonly onIdle: () => void;
  readonly onRestart: (reason: string) => void;
  readonly onBatches: (message: BatchesMessage) => void;
}

type State =
  | { readonly kind: 'starting'; readonly child: HostChild; readonly deadline: NodeJS.Timeout }
  | { readonly kind: 'idle'; readonly child: HostChild }
  | {
      readonly kind: 'running';
      readonly child: HostChild;
      readonly model: string;
      readonly runs: ReadonlyMap<string, ActiveRun>;
      /** It has been told to die, and nobody may join it. */
      readonly isKilled: boolean;
    }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' };

/** How long a process may take to release its models when it ends in peace. */
const UNLOAD_MS = 1_000;
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
  #isStale = false;
  /** Processes that were replaced and are not gone yet (M4). */
  readonly #endings = new Set<Promise<void>>();
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
    this.#isStale = false;
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

  /** Whether further jobs may come: not while it starts, is to be replaced (M6), or does not stop (M5). */
  get isJoinable(): boolean {
    if (this.#isStale) return false;
    if (this.#state.kind === 'idle') return true;
    if (this.#state.kind !== 'running' || this.#state.isKilled) return false;
    return ![...this.#state.runs.values()].some(({ isOverdue }) => isOverdue);
  }

  /** The models have changed: a new process takes the place of this one, as soon as no job runs. */
  renew(): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'waiting') return;
    this.#isStale = true;
    this.#replaceIfStale();
  }

  /**
   * Whether a run can begin now: in `idle`, or beside runs of the same model (M1). Not while an older attempt
   * of the same job is still to leave.
   */
  hasRoom({ job, model }: Pick<RunCommand, 'job' | 'model'>): boolean {
    const state = this.#state;
    if (state.kind !== 'running') return state.kind === 'idle' && !this.#isStale;
    if (!this.isJoinable || state.model !== model || state.runs.has(job)) return false;
    return state.runs.size < this.#options.capacityOf(model);
  }

  /** Resolves when {@link hasRoom} may be true; false if the host was closed instead. */
  async whenReady(command: Pick<RunCommand, 'job' | 'model'>): Promise<boolean> {
    while (!this.hasRoom(command)) {
      if (this.#state.kind === 'closed') return false;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return true;
  }

  /** Begins a run. Only while it {@link hasRoom}. */
  run(command: Omit<RunCommand, 'kind'>, listener: RunListener): HostRun {
    const { job, model } = command;
    const state = this.#state;
    if (!this.hasRoom(command) || (state.kind !== 'idle' && state.kind !== 'running')) {
      throw new Error(`a ${state.kind} host takes no job of ${model}`);
    }
    const { child } = state;
    const run = new ActiveRun(job, listener, performance.now());
    const runs = new Map([...(state.kind === 'running' ? state.runs : []), [job, run] as const]);
    this.#state = { kind: 'running', child, model, runs, isKilled: false };
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
    if (state.kind === 'starting') clearTimeout(state.deadline);
    await Promise.all(this.#endings);
    if (!('child' in state)) return;
    await (state.kind === 'idle' ? endInPeace(state.child) : state.child.end());
    if (state.kind === 'running') settleAll(state.runs, { kind: 'aborted', killed: true });
  }

  #stop(run: ActiveRun): void {
    const state = this.#state;
    if (state.kind !== 'running' || state.runs.get(run.job) !== run || run.isStopping) return;
    const step = Math.min(run.longestStepMs * STEP_TOLERANCE, MAX_STEP_MS);
    run.stopWithin(Math.max(this.#options.killAfterMs, step), () => {
      this.#killIfOverdue();
    });
    state.child.send({ kind: 'cancel', job: run.job });
  }

  /** M5. */
  #killIfOverdue(): void {
    const state = this.#state;
    if (state.kind !== 'running') return;
    const runs = [...state.runs.values()];
    if (runs.length === 0 || !runs.every(({ isOverdue }) => isOverdue)) return;
    const fields = { host: this.id, jobs: runs.map(({ job }) => job) };
    this.#options.logger.warn(fields, 'the model does not stop: its host is killed');
    this.#state = { ...state, isKilled: true };
    state.child.kill();
  }

  #onMessage(child: HostChild, message: HostMessage): void {
    if (!('child' in this.#state) || this.#state.child !== child) return;
    if (message.kind === 'ready') {
      this.#onReady(message);
    } else if (message.kind === 'batches') {
      this.#options.onBatches(message);
    } else if (message.kind === 'log' && message.job === undefined) {
      this.#options.logger[message.level]({ host: this.id }, message.message);
    } else if (this.#state.kind === 'running') {
      const run = this.#state.runs.get(message.job ?? '');
      const outcome = run?.receive(message, performance.now());
      if (run !== undefined && outcome !== undefined) this.#finish(run, outcome);
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
    if (state.kind !== 'running' || state.runs.get(run.job) !== run) return;
    const runs = new Map(state.runs);
    runs.delete(run.job);
    // Who was told to die is not idle, although nobody is left in it: its exit follows.
    const isIdle = runs.size === 0 && !state.isKilled;
    this.#state = isIdle ? { kind: 'idle', child: state.child } : { ...state, runs };
    run.settle(outcome);
    this.#killIfOverdue();
    this.#replaceIfStale();
    this.#announce();
  }

  /** M6. */
  #replaceIfStale(): void {
    if (!this.#isStale || (this.#state.kind !== 'idle' && this.#state.kind !== 'starting')) return;
    const { child } = this.#state;
    if (this.#state.kind === 'starting') clearTimeout(this.#state.deadline);
    const ending = endInPeace(child).finally(() => {
      this.#endings.delete(ending);
    });
    this.#endings.add(ending);
    this.start();
  }

  #onExit(child: HostChild, { reason }: HostExit): void {
    const state = this.#state;
    if (!('child' in state) || state.child !== child) return;
    if (state.kind === 'starting') clearTimeout(state.deadline);
    this.#options.logger.warn({ host: this.id, reason }, 'the model host is gone');
    if (state.kind === 'starting') this.#failedStarts += 1;
    const timer = setTimeout(() => {
      this.start();
    }, this.#backoffMs());
    this.#state = { kind: 'waiting', timer };
    this.#options.onRestart(reason);
    if (state.kind === 'running') settleAll(state.runs, { kind: 'crashed', reason });
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

/** Those that were to stop have stopped, by the death of their process. */
function settleAll(runs: ReadonlyMap<string, ActiveRun>, outcome: HostOutcome): void {
  for (const run of runs.values()) {
    run.settle(run.isStopping ? { kind: 'aborted', killed: true } : outcome);
  }
}

/** Lets the models of a process be released, which nobody waits for longer than {@link UNLOAD_MS}. */
async function endInPeace(child: HostChild): Promise<void> {
  child.send({ kind: 'close' });
  const deadline = setTimeout(() => {
    child.kill();
  }, UNLOAD_MS);
  await child.exited;
  clearTimeout(deadline);
}
