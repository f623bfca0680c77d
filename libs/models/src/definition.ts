import type { InferenceSession } from 'onnxruntime-common';
import type { z } from 'zod';
import type { FoldKind, LogLevel } from '@stepcast/protocol';
import type { ModelEvent } from './model-event.js';

/** One type of event that a model emits. */
export interface EventDefinition {
  readonly schema: z.ZodType;
  /**
   * What a late or slow viewer needs of the events of this type: every one (`all`, the default), their
   * strings and arrays joined (`append`), or the newest only (`latest`).
   */
  readonly fold?: FoldKind;
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/** What a model has while it loads. */
export interface ModelEnv {
  /** The folder of the model: absolute. */
  readonly directory: string;
  /**
   * Opens a graph of the model's folder on the first execution provider that works here.
   * `options.executionProviders` overrides the configured order of preference.
   */
  session(file: string, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  readText(file: string): Promise<string>;
  readJson(file: string): Promise<unknown>;
  /** A line for the log of the worker; no viewer sees it. */
  log(level: LogLevel, message: string): void;
}

/** What a model has at one step of many jobs. */
export interface StepContext<Events extends EventDefinitions, Loaded> {
  /** What `load` returned. */
  readonly loaded: Loaded;
  /**
   * Makes an event, to be yielded or to be returned by `step`.
   * @throws {StepcastError} `invalid_event` when the data is off its schema, not JSON, or too large. In `step`
   *   it does not throw: such an event fails the job that it is returned for, alone.
   */
  event<Type extends keyof Events & string>(
    type: Type,
    data: z.input<Events[Type]['schema']>,
  ): ModelEvent;
}

/** What a model has of one job. */
export interface JobContext<
  Events extends EventDefinitions,
  Loaded,
  Checkpoint extends z.ZodType = z.ZodType,
> extends StepContext<Events, Loaded> {
  readonly job: string;
  /** 1 for the first run of the job, one more after each failure. */
  readonly attempt: number;
  /** Aborts when the job is to stop; pass it on to whatever can wait for long. */
  readonly signal: AbortSignal;
  /**
   * What the newest {@link checkpoint} of an earlier attempt saved: go on from there. Undefined when the
   * job begins anew, which also a later attempt may have to.
   */
  readonly saved: z.output<Checkpoint> | undefined;
  /** A line of the job's log, which its viewers see. */
  log(level: LogLevel, message: string): void;
}

/** What a model has while it runs one job by itself. */
export interface RunContext<
  Events extends EventDefinitions,
  Loaded,
  Checkpoint extends z.ZodType = z.ZodType,
> extends JobContext<Events, Loaded, Checkpoint> {
  /** Which of the cooperating instances this is. */
  readonly rank: number;
  /** How many instances cooperate. */
  readonly worldSize: number;
  /**
   * Emits an event from a plain function. Resolves when the next one may be emitted: await it, or the
   * model outruns its viewers. Rejects as {@link event} throws, and once the job is to stop.
   */
  emit<Type extends keyof Events & string>(
    type: Type,
    data: z.input<Events[Type]['schema']>,
  ): Promise<void>;
  /**
   * Saves what a later attempt needs to go on behind the events emitted so far. Takes a copy at once and
   * resolves when the next event is welcome; it is stored behind those events, and takes the place of
   * the one before.
   * @throws {StepcastError} `invalid_checkpoint` when the state is off its schema, cannot be copied, is
   *   larger than 4 MiB, or the model declares no `checkpoint`.
   */
  checkpoint(state: z.input<Checkpoint>): Promise<void>;
}

/** What `run` may return: a generator that yields events, or the output itself. */
export type RunResult<Output> =
  | AsyncGenerator<ModelEvent, Output, undefined>
  | Generator<ModelEvent, Output, undefined>
  | Promise<Output>
  | Output;

/** How jobs of a model run together. */
export interface BatchOptions<Input = unknown> {
  /** Most jobs in one batch. An operator may lower it by MAX_BATCH_SIZE. */
  readonly maxSize: number;
  /**
   * How long `runBatch` waits for more jobs after the first of a batch, in milliseconds; default 5. Between
   * steps nothing waits: jobs join at the next one.
   */
  readonly maxWaitMs?: number;
  /**
   * Only jobs with the same key run together in `runBatch`, for instance those whose tensors have one shape.
   * Default: all.
   */
  groupBy?(input: Input): string | number;
}

/** What `runBatch` has. */
export interface BatchContext<Loaded> {
  readonly loaded: Loaded;
  /** Aborts when every job of the batch is to stop. */
  readonly signal: AbortSignal;
}

/** What one step has made of one job. */
export interface StepResult<Checkpoint = unknown> {
  /** In order; default none. */
  readonly events?: readonly ModelEvent[];
  /** This was the last step: `finish` follows. Default false. */
  readonly done?: boolean;
  /** Saved behind the events, as {@link RunContext.checkpoint} does. */
  readonly checkpoint?: Checkpoint | undefined;
}

/**
 * What an author writes: beside the description exactly one of
 * - `run`, one job at a time;
 * - `runBatch` and `batch`, many jobs in one call, without events;
 * - `init`, `step`, `finish` and `batch`, many jobs that stream, joining and leaving at every step.
 */
export interface ModelSpec<
  Input extends z.ZodType,
  Events extends EventDefinitions,
  Output extends z.ZodType,
  Loaded,
  Checkpoint extends z.ZodType,
  State = unknown,
> {
  /** Lower-case letters, digits, `-` and `_`: part of addresses and of the name of the queue. */
  readonly name: string;
  readonly description: string;
  /**
   * Default '1'. Raise it when {@link checkpoint} changes: attempts resume from their own version only. Two
   * versions may be served side by side, each from a folder of its own: the lowest as `name`, others as
   * `name@version`.
   */
  readonly version?: string;
  /** Inputs that show what the model does; the page offers them. */
  readonly examples?: readonly z.input<Input>[];
  readonly input: Input;
  /** May be left out by a model that only returns an output. */
  readonly events?: Events;
  readonly output: Output;
  /** What checkpoints save. Without it every attempt begins anew. */
  readonly checkpoint?: Checkpoint;
  /** Runs once per host process, before the first job. */
  load?(env: ModelEnv): Promise<Loaded> | Loaded;
  /** Runs once after `load`, before the first job: a run that makes the device ready, for instance. */
  warmup?(loaded: Loaded): Promise<void> | void;
  /** Runs from time to time while no job does; throws when the model is ill, and its host is replaced. */
  healthcheck?(loaded: Loaded): Promise<void> | void;
  /** Runs when the host stops in peace; sessions are released without it. */
  unload?(loaded: Loaded): Promise<void> | void;

  run?(
    input: z.output<Input>,
    ctx: RunContext<Events, Loaded, Checkpoint>,
  ): RunResult<z.input<Output>>;

  /** Needed by `runBatch` and `step`. */
  readonly batch?: BatchOptions<z.output<Input>>;
  /**
   * Runs many inputs at once: one output for each, in their order; an `Error` in place of an output fails that
   * job alone. If it throws, the jobs of the batch are run again one by one, so that one bad input fails alone.
   */
  runBatch?(
    inputs: z.output<Input>[],
    ctx: BatchContext<Loaded>,
  ): Promise<(z.input<Output> | Error)[]> | (z.input<Output> | Error)[];

  /** Makes the state of one job, from `ctx.saved` if there is some. */
  init?(
    input: z.output<Input>,
    ctx: JobContext<Events, Loaded, Checkpoint>,
  ): Promise<State> | State;
  /**
   * Takes one step of every job, in the order of joining: one result for each, or an `Error`, which fails
   * that job alone. If it throws, all of them fail.
   */
  step?(
    states: State[],
    ctx: StepContext<Events, Loaded>,
  ): Promise<StepOutcome<Checkpoint>[]> | StepOutcome<Checkpoint>[];
  /** The output of a job whose last step is done. */
  finish?(
    state: State,
    ctx: StepContext<Events, Loaded>,
  ): Promise<z.input<Output>> | z.input<Output>;
  /** The job has left, whatever the reason: frees what its state holds. */
  release?(state: State, ctx: StepContext<Events, Loaded>): Promise<void> | void;
}

export type StepOutcome<Checkpoint extends z.ZodType> = StepResult<z.input<Checkpoint>> | Error;

/** An event type with its defaults filled in. */
export interface ModelEventType {
  readonly schema: z.ZodType;
  readonly fold: FoldKind;
}

type AnyContext = RunContext<EventDefinitions, unknown>;
type AnyStepContext = StepContext<EventDefinitions, unknown>;

/** {@link BatchOptions} with the defaults filled in. */
export interface Batching {
  readonly maxSize: number;
  readonly maxWaitMs: number;
  readonly groupBy: (input: unknown) => string | number;
}

/** The way a model runs jobs. */
export type Execution =
  | { readonly kind: 'run'; run(input: unknown, ctx: AnyContext): RunResult<unknown> }
  | {
      readonly kind: 'batch';
      readonly batch: Batching;
      runBatch(inputs: unknown[], ctx: BatchContext<unknown>): unknown;
    }
  | {
      readonly kind: 'steps';
      readonly batch: Batching;
      init(input: unknown, ctx: JobContext<EventDefinitions, unknown>): unknown;
      step(states: unknown[], ctx: AnyStepContext): unknown;
      finish(state: unknown, ctx: AnyStepContext): unknown;
      release(state: unknown, ctx: AnyStepContext): unknown;
    };

/** A checked definition, as the registry and the host use it. */
export interface Model<
  Input extends z.ZodType = z.ZodType,
  Events extends EventDefinitions = EventDefinitions,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly examples: readonly unknown[];
  readonly input: Input;
  readonly events: {
    readonly [Type in keyof Events]: ModelEventType & Pick<Events[Type], 'schema'>;
  };
  readonly output: Output;
  /** Present if the model saves checkpoints. */
  readonly checkpoint?: z.ZodType | undefined;
  readonly execution: Execution;
  load(env: ModelEnv): Promise<unknown>;
  warmup(loaded: unknown): Promise<void>;
  healthcheck(loaded: unknown): Promise<void>;
  unload(loaded: unknown): Promise<void>;
}
