/**
 * Runs the jobs of one warm model in batches: what arrives while a batch runs, or within `maxWaitMs`, goes
 * together, as far as its key is the same.
 *
 *   run ──► waiting ──(batch full, or waited long enough)──► running ──► outcome
 *              └──abort──► outcome
 *
 * - B1 One batch at a time.
 * - B2 When the job that has waited longest has waited `maxWaitMs`, its batch goes; before that, one that is
 *   full does. What has waited so long behind a running batch goes right after it.
 * - B3 One job fails alone: by an Error in place of its output, by an output off its schema, and also by
 *   what makes `runBatch` throw: then the jobs are run again one by one.
 * - B4 A job that is aborted while it waits leaves at once; one that runs ends as `aborted` with its batch.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { StepcastError, parseInput } from '@stepcast/protocol';
import type { Execution } from './definition.js';
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

type Batches = Extract<Execution, { kind: 'batch' }>;

interface Item {
  readonly input: unknown;
  readonly key: string | number;
  /** When it came: `performance.now()`. */
  readonly since: number;
  readonly port: RunPort;
  readonly settle: (outcome: RunOutcome) => void;
}

export interface BatchRunnerOptions {
  readonly maxSize: number;
  /** Hears of every batch: how long each job of it has waited, in milliseconds. */
  readonly onBatch?: (waitsMs: readonly number[]) => void;
}

export class BatchRunner implements ModelRunner {
  readonly #warm: WarmModel;
  readonly #batches: Batches;
  readonly #options: BatchRunnerOptions;
  #waiting: Item[] = [];
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(warm: WarmModel, batches: Batches, options: BatchRunnerOptions) {
    this.#warm = warm;
    this.#batches = batches;
    this.#options = options;
  }

  run(order: RunOrder, port: RunPort): Promise<RunOutcome> {
    return new Promise((settle) => {
      if (port.signal.aborted) {
        settle({ kind: 'aborted' });
        return;
      }
      try {
        const input = parseInput(this.#warm.model.input, order.input);
        const key = this.#batches.batch.groupBy(input);
        const item: Item = { input, key, since: performance.now(), port, settle };
        this.#waiting.push(item);
        const drop = (): void => {
          this.#drop(item);
        };
        port.signal.addEventListener('abort', drop, { once: true });
        this.#schedule();
      } catch (error) {
        settle(toFailure(error));
      }
    });
  }

  #drop(item: Item): void {
    if (!this.#waiting.includes(item)) return;
    this.#waiting = this.#waiting.filter((other) => other !== item);
    item.settle({ kind: 'aborted' });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const first = this.#waiting[0];
    if (this.#isRunning || first === undefined) return;
    const waitMs = first.since + this.#batches.batch.maxWaitMs - performance.now();
    const batch = waitMs > 0 ? this.#fullBatch() : undefined;
    if (batch === undefined && waitMs > 0) {
      this.#timer = setTimeout(() => {
        this.#schedule();
      }, waitMs);
      return;
    }
    void this.#start(batch ?? this.#ofKey(first.key));
  }

  #fullBatch(): Item[] | undefined {
    const keys = new Set(this.#waiting.map(({ key }) => key));
    for (const key of keys) {
      const batch = this.#ofKey(key);
      if (batch.length === this.#options.maxSize) return batch;
    }
    return undefined;
  }

  #ofKey(key: string | number): Item[] {
    return this.#waiting.filter((item) => item.key === key).slice(0, this.#options.maxSize);
  }

  async #start(batch: readonly Item[]): Promise<void> {
    const members = new Set(batch);
    this.#waiting = this.#waiting.filter((item) => !members.has(item));
    this.#isRunning = true;
    const now = performance.now();
    this.#options.onBatch?.(batch.map(({ since }) => now - since));
    await this.#run(batch);
    // What was sent while the batch kept the thread busy is read now.
    await turn();
    this.#isRunning = false;
    this.#schedule();
  }

  async #run(batch: readonly Item[]): Promise<void> {
    let outputs: readonly unknown[];
    try {
      outputs = await this.#call(batch);
    } catch (error) {
      await this.#runAlone(batch, error);
      return;
    }
    for (const [index, item] of batch.entries()) {
      const output = outputs[index];
      const { model } = this.#warm;
      finish(item, output instanceof Error ? toFailure(output) : toDone(model, output));
    }
  }

  /** B3: finds whose fault it was. */
  async #runAlone(batch: readonly Item[], error: unknown): Promise<void> {
    if (batch.length === 1) {
      for (const item of batch) finish(item, toFailure(error));
      return;
    }
    for (const item of batch) {
      await turn();
      if (item.port.signal.aborted) item.settle({ kind: 'aborted' });
      else await this.#run([item]);
    }
  }

  async #call(batch: readonly Item[]): Promise<readonly unknown[]> {
    const inputs = batch.map(({ input }) => input);
    const signal = allAborted(batch.map(({ port }) => port.signal));
    const { loaded } = this.#warm;
    const outputs: unknown = await this.#batches.runBatch(inputs, { loaded, signal });
    if (Array.isArray(outputs) && outputs.length === inputs.length) return outputs as unknown[];
    const got = Array.isArray(outputs) ? `${outputs.length} outputs` : typeof outputs;
    throw new StepcastError(
      'model_error',
      `runBatch returned ${got} for ${inputs.length} inputs; return an array with one output per input.`,
    );
  }
}

function finish({ port, settle }: Item, outcome: RunOutcome): void {
  settle(outcomeOf(port, outcome));
}

/** Fires when the last of them has. */
function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    const count = (): void => {
      left -= 1;
      if (left === 0) controller.abort();
    };
    if (signal.aborted) count();
    else signal.addEventListener('abort', count, { once: true });
  }
  return controller.signal;
}
