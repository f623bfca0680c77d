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

/** What a model has while it runs. */
export interface RunContext<
  Events extends EventDefinitions,
  Loaded,
  Checkpoint extends z.ZodType = z.ZodType,
> {
  readonly job: string;
  /** 1 for the first run of the job, one more after each failure. */
  readonly attempt: number;
  /** Which of the cooperating instances this is. */
  readonly rank: number;
  /** How many instances cooperate. */
  readonly worldSize: number;
  /** Aborts when the job is to stop; pass it on to whatever can wait for long. */
  readonly signal: AbortSignal;
  /** What `load` returned. */
  readonly loaded: Loaded;
  /**
   * What the newest {@link checkpoint} of an earlier attempt saved: go on from there. Undefined when the
   * job begins anew, which also a later attempt may have to.
   */
  readonly saved: z.output<Checkpoint> | undefined;
  /** A line of the job's log, which its viewers see. */
  log(level: LogLevel, message: string): void;
  /**
   * Makes an event to be yielded.
   * @throws {StepcastError} `invalid_event` when the data is off its schema, not JSON, or too large.
   */
  event<Type extends keyof Events & string>(
    type: Type,
    data: z.input<Events[Type]['schema']>,
  ): ModelEvent;
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

/** What an author writes. */
export interface ModelSpec<
  Input extends z.ZodType,
  Events extends EventDefinitions,
  Output extends z.ZodType,
  Loaded,
  Checkpoint extends z.ZodType,
> {
  /** Lower-case letters, digits, `-` and `_`: part of addresses and of the name of the queue. */
  readonly name: string;
  readonly description: string;
  /** Default '1'. Raise it when {@link checkpoint} changes: attempts resume from their own version only. */
  readonly version?: string;
  /** Inputs that show what the model does; the page offers them. */
  readonly examples?: readonly z.input<Input>[];
  readonly input: Input;
  /** May be left out by a model that only returns an output. */
  readonly events?: Events;
  readonly output: Output;
  /** What `ctx.checkpoint` saves. Without it every attempt begins anew. */
  readonly checkpoint?: Checkpoint;
  /** Runs once per host process, before the first job. */
  load?(env: ModelEnv): Promise<Loaded> | Loaded;
  /** Runs when the host stops in peace; sessions are released without it. */
  unload?(loaded: Loaded): Promise<void> | void;
  run(
    input: z.output<Input>,
    ctx: RunContext<Events, Loaded, Checkpoint>,
  ): RunResult<z.input<Output>>;
}

/** An event type with its defaults filled in. */
export interface ModelEventType {
  readonly schema: z.ZodType;
  readonly fold: FoldKind;
}

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
  load(env: ModelEnv): Promise<unknown>;
  unload(loaded: unknown): Promise<void>;
  run(input: unknown, ctx: RunContext<EventDefinitions, unknown>): RunResult<unknown>;
}
