/**
 * Runs the jobs of one warm model together, step by step: one loop, in which jobs join and leave at
 * every step.
 *
 *   run ──► joining ──init──► member ──step──► member ──done──► finish ──► outcome
 *                    │           │ error in its result            │
 *                    └───────────┴──────── abort ─────────────────┴──► release ──► outcome
 *
 * - S1 Whoever is there when a step begins, and whose last events were taken, is in it: a job that joins
 *   has its first step after at most the one that runs. Who comes while others join waits for the next step,
 *   so that jobs that join and fail cannot keep the others from theirs.
 * - S2 What happens to one job (abort, failure, an end, a full window, an event off its schema) changes
 *   nothing for the others. Only a `step` that throws fails all jobs that were in it.
 * - S3 After every step the event loop gets a turn, so that jobs can join and be cancelled.
 * - S4 A job that made a state releases it once, before its outcome is known.
 * - S5 Each outcome is given once, behind the last event of the job; `aborted` whenever its signal has fired.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { parseInput } from '@stepcast/protocol';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { EventDefinitions, Execution, JobContext, StepContext } from './definition.js';
import { tryEvent } from './create-event.js';
import {
  outcomeOf,
  toDone,
  toFailure,
  type ModelRunner,
  type RunOrder,
  type RunOutcome,
  type RunPort,
  type WarmModel,
} from './run.js';
import { readResults, type CheckedResult } from './step-result.js';

type Steps = Extract<Execution, { kind: 'steps' }>;

/** A job, from its order to its outcome. */
interface Member {
  readonly order: RunOrder;
  readonly port: RunPort;
  readonly settle: (outcome: RunOutcome) => void;
  /** What `init` made, once it has. */
  state?: { readonly value: unknown };
  /** What its last step made is still being passed on: it sits out. */
  isWaiting: boolean;
  /** It takes no further step, and its state is still needed: it leaves when it is finished. */
  isFinishing: boolean;
  /** Its outcome is known: what it still says is not heard. */
  hasLeft: boolean;
}

export interface StepRunnerOptions {
  /** Most jobs in one step; more wait for a place. */
  readonly maxSize: number;
  /** Hears of every step. */
  readonly onStep?: (size: number) => void;
}

export class StepRunner implements ModelRunner {
  readonly #warm: WarmModel;
  readonly #steps: Steps;
  readonly #options: StepRunnerOptions;
  readonly #context: StepContext<EventDefinitions, unknown>;
  #joining: Member[] = [];
  #members: Member[] = [];
  #isLooping = false;
  #wake: () => void = () => undefined;

  constructor(warm: WarmModel, steps: Steps, options: StepRunnerOptions) {
    this.#warm = warm;
    this.#steps = steps;
    this.#options = options;
    const event = (type: string, data: unknown) => tryEvent(warm.model, type, data);
    this.#context = { loaded: warm.loaded, event };
  }

  run(order: RunOrder, port: RunPort): Promise<RunOutcome> {
    return new Promise((settle) => {
      const flags = { isWaiting: false, isFinishing: false, hasLeft: false };
      this.#joining.push({ order, port, settle, ...flags });
      port.signal.addEventListener(
        'abort',
        () => {
          this.#wake();
        },
        { once: true },
      );
      this.#wake();
      if (!this.#isLooping) void this.#loop();
    });
  }

  /** Runs while there are jobs. Cannot throw: what models throw is caught where they are called. */
  async #loop(): Promise<void> {
    this.#isLooping = true;
    // Jobs that come together begin together.
    await turn();
    while (this.#joining.length + this.#members.length > 0) {
      await this.#join();
      this.#dropAborted();
      const ready = this.#members.filter(({ isWaiting }) => !isWaiting);
      if (ready.length > 0) {
        await this.#step(ready);
        await turn();
      } else if (this.#members.length > 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    this.#isLooping = false;
  }

  #dropAborted(): void {
    for (const member of [...this.#members, ...this.#joining]) {
      if (member.port.signal.aborted && !member.isFinishing) this.#leave(member, ABORTED);
    }
  }

  /** As many as there is room for, of those who are there now (S1). */
  async #join(): Promise<void> {
    const free = this.#options.maxSize - this.#members.length;
    for (const member of this.#joining.splice(0, Math.max(0, free))) {
      if (member.port.signal.aborted) {
        this.#leave(member, ABORTED);
        continue;
      }
      try {
        const input = parseInput(this.#warm.model.input, member.order.input);
        const value = await this.#steps.init(input, this.#contextOf(member));
        member.state = { value };
        // Who was to stop meanwhile leaves before the step.
        this.#members.push(member);
      } catch (error) {
        this.#leave(member, toFailure(error));
      }
    }
  }

  #contextOf(member: Member): JobContext<EventDefinitions, unknown> {
    const { model } = this.#warm;
    const { order, port } = member;
    return {
      ...this.#context,
      job: order.job,
      attempt: order.attempt,
      signal: port.signal,
      saved: order.saved === undefined ? undefined : decodeCheckpoint(model, order.saved),
      log: (level, message) => {
        if (!member.hasLeft) port.log(level, message);
      },
    };
  }

  async #step(members: readonly Member[]): Promise<void> {
    this.#options.onStep?.(members.length);
    const states = members.map(({ state }) => state?.value);
    let results: CheckedResult[];
    try {
      results = readResults(await this.#steps.step(states, this.#context), members.length);
    } catch (error) {
      const failure = members.length === 1 ? toFailure(error) : toSharedFailure(error);
      for (const member of members) this.#leave(member, failure);
      return;
    }
    for (const [index, member] of members.entries()) void this.#take(member, results[index]);
  }

  /** Passes on what a step has made of one job, which sits out meanwhile. */
  async #take(member: Member, result: CheckedResult | undefined): Promise<void> {
    if (member.port.signal.aborted || result === undefined) return;
    member.isWaiting = true;
    try {
      if (result.error !== undefined) throw result.error;
      for (const event of result.events) {
        await member.port.emit(event);
        if (member.hasLeft) return;
      }
      if (result.done) await this.#finish(member);
      else await this.#save(member, result.checkpoint);
    } catch (error) {
      this.#leave(member, toFailure(error));
    } finally {
      member.isWaiting = false;
      this.#wake();
    }
  }

  async #finish(member: Member): Promise<void> {
    member.isFinishing = true;
    const output = await this.#steps.finish(member.state?.value, this.#context);
    this.#leave(member, toDone(this.#warm.model, output));
  }

  async #save({ port }: Member, checkpoint: unknown): Promise<void> {
    if (checkpoint === undefined) return;
    await port.checkpoint?.(encodeCheckpoint(this.#warm.model, checkpoint));
  }

  #leave(member: Member, outcome: RunOutcome): void {
    if (member.hasLeft) return;
    member.hasLeft = true;
    const isOther = (other: Member): boolean => other !== member;
    this.#members = this.#members.filter(isOther);
    this.#joining = this.#joining.filter(isOther);
    void this.#release(member).then((failure) => {
      member.settle(outcomeOf(member.port, failure ?? outcome));
    });
  }

  /** S4: begun at once. Gives a failure if the model throws at this, too. */
  async #release({ state }: Member): Promise<RunOutcome | undefined> {
    if (state === undefined) return undefined;
    try {
      await this.#steps.release(state.value, this.#context);
    } catch (error) {
      return toFailure(error);
    }
    return undefined;
  }
}

const ABORTED: RunOutcome = { kind: 'aborted' };

/** What a step threw may tell of the input of another job: only the log of the worker says it. */
function toSharedFailure(error: unknown): RunOutcome {
  const message =
    'A step that ran this job together with others failed; the log of the worker says why.';
  return { ...toFailure(error), kind: 'failed', code: 'model_error', message };
}
