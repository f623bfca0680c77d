import { StepcastError, type ErrorCode, type LogLevel } from '@stepcast/protocol';
import type { Model } from './definition.js';
import { encodeChecked, type ModelEvent } from './model-event.js';
import { safeMessage } from './safe-message.js';

/** A model that has been loaded. */
export interface WarmModel {
  readonly model: Model;
  /** What its `load` returned. */
  readonly loaded: unknown;
}

export interface RunOrder {
  readonly job: string;
  readonly attempt: number;
  /** As the client sent it; parsed here by the model's schema. */
  readonly input: unknown;
  /** What an earlier attempt saved, as {@link RunPort.checkpoint} got it. */
  readonly saved?: string | undefined;
}

/** Where a run sends what it makes. */
export interface RunPort {
  readonly signal: AbortSignal;
  /** Takes the event at once; resolves when the next one is welcome, or the signal fires. */
  emit(event: ModelEvent): Promise<void> | void;
  /**
   * Takes a checkpoint, encoded, in the order of the events; resolves as {@link emit} does. Left out by
   * who runs a model once: what is saved is then checked and dropped.
   */
  checkpoint?(data: string): Promise<void> | void;
  log(level: LogLevel, message: string): void;
}

export type RunOutcome =
  | { readonly kind: 'done'; readonly output: string }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      /** Safe to show to the submitter. */
      readonly message: string;
      /** For the log of the worker. */
      readonly stack?: string;
    }
  | { readonly kind: 'aborted' };

/** Runs jobs on one warm model, one at a time or many together. */
export interface ModelRunner {
  /** Never rejects: whatever the model does is an outcome. */
  run(order: RunOrder, port: RunPort): Promise<RunOutcome>;
}

const ABORTED: RunOutcome = { kind: 'aborted' };

/** The outcome of a run: `aborted` whenever its signal has fired, whatever the model made of it. */
export function outcomeOf({ signal }: Pick<RunPort, 'signal'>, outcome: RunOutcome): RunOutcome {
  return signal.aborted ? ABORTED : outcome;
}

/** A job that ended by itself; an output that does not fit its schema is a failure. */
export function toDone(model: Model, output: unknown): RunOutcome {
  const target = { code: 'invalid_output', name: 'The output', schema: model.output } as const;
  try {
    return { kind: 'done', output: encodeChecked(target, output).json };
  } catch (error) {
    return toFailure(error);
  }
}

export function toFailure(error: unknown): RunOutcome {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  const code = error instanceof StepcastError ? error.code : 'model_error';
  return { kind: 'failed', code, message: safeMessage(error), ...stack };
}
