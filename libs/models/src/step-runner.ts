/**
 * Runs the jobs of one warm model together, step by step: one loop, in which jobs join and leave at
 * every step.
 *
 *   run ──► joining ──init──► member ──step──► member ──done──► finish ──► outcome
 *                    │           │ error in its result            │
 *                    └───────────┴──────── abort ─────────────────┴──► release ──► outcome
 *
 * - S1 Whoever is there when a step begins, and whose last events were taken, is in it: a job that joins
 *   has its first step after at most the one that runs.
 * - S2 What happens to one job (abort, failure, an end, a full window) changes nothing for the others. Only
 *   a `step` that throws fails all jobs that were in it.
 * - S3 After every step the event loop gets a turn, so that jobs can join and be cancelled.
 * - S4 A job that made a state releases it once, before its outcome is known.
 * - S5 Each outcome is given once, behind the last event of the job; `aborted` whenever its signal has fired.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { parseInput } from '@stepcast/protocol';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { EventDefinitions, Execution, JobContext, StepContext } from './definition.js';
import { createEvent } from './create-event.js';
import {
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
  /** Its last events are not taken yet: it sits out. */
  isWaiting: boolean;
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
    this.#context = { loaded: warm.loaded, event: createEvent.bind(undefined, warm.model) };
  }

  run(order: RunOrder, port: RunPort): Promise<RunOutcome> {
    return new Promise((settle) => {
      this.#joining.push({ order, port, settle, isWaiting: false });
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
    while (this.#joining.length + this.#members.length > 0) {
      this.#dropAborted();
      await this.#join();
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
      if (member.port.signal.aborted) this.#leave(member, { kind: 'aborted' });
    }
  }

  async #join(): Promise<void> {
    while (this.#members.length < this.#options.maxSize) {
      const member = this.#joining.shift();
      if (member === undefined) return;
      try {
        const input = parseInput(this.#warm.model.input, member.order.input);
        const value = await this.#steps.init(input, this.#contextOf(member));
        member.state = { value };
        this.#members.push(member);
        if (member.port.signal.aborted) this.#leave(member, { kind: 'aborted' });
      } catch (error) {
        this.#leave(member, toFailure(error));
      }
    }
  }

  #contextOf({ order, port }: Member): JobContext<EventDefinitions, unknown> {
    const { model } = this.#warm;
    return {
      ...this.#context,
      job: order.job,
      attempt: order.attempt,
      signal: port.signal,
      saved: order.saved === undefined ? undefined : decodeCheckpoint(model, order.saved),
      log: port.log.bind(port),
    };
  }

  async #step(members: readonly Member[]): Promise<void> {
    this.#options.onStep?.(members.length);
    const states = members.map(({ state }) => state?.value);
    let results: CheckedResult[];
    try {
      results = readResults(await this.#steps.step(states, this.#context), members.length);
    } catch (error) {
      for (const member of members) this.#leave(member, toFailure(error));
      return;
    }
    await Promise.all(members.map((member, index) => this.#take(member, results[index])));
  }

  /** Passes on what a step has made of one job. */
  async #take(member: Member, result: CheckedResult | undefined): Promise<void> {
    const { port, state } = member;
    try {
      if (port.signal.aborted || result === undefined) return;
      if (result.error !== undefined) throw result.error;
      const taken = result.events.map(async (event) => port.emit(event));
      if (result.done) {
        const output = await this.#steps.finish(state?.value, this.#context);
        this.#leave(member, toDone(this.#warm.model, output));
        return;
      }
      if (result.checkpoint !== undefined) {
        const data = encodeCheckpoint(this.#warm.model, result.checkpoint);
        taken.push(Promise.resolve(port.checkpoint?.(data)));
      }
      this.#waitFor(member, taken);
    } catch (error) {
      this.#leave(member, toFailure(error));
    }
  }

  #waitFor(member: Member, taken: readonly Promise<void>[]): void {
    if (taken.length === 0) return;
    member.isWaiting = true;
    void Promise.all(taken).finally(() => {
      member.isWaiting = false;
      this.#wake();
    });
  }

  #leave(member: Member, outcome: RunOutcome): void {
    const isOurs = (other: Member): boolean => other !== member;
    this.#members = this.#members.filter(isOurs);
    this.#joining = this.#joining.filter(isOurs);
    const final = this.#release(member) ?? outcome;
    member.settle(member.port.signal.aborted ? { kind: 'aborted' } : final);
  }

  /** S4. Gives a failure if the model throws at this, too. */
  #release({ state }: Member): RunOutcome | undefined {
    if (state === undefined) return undefined;
    try {
      this.#steps.release(state.value, this.#context);
    } catch (error) {
      return toFailure(error);
    }
    return undefined;
  }
}
