/**
 * Runs one job on a warm model, without knowing who listens.
 *
 * - R1 What leaves is checked and encoded: a bad event fails the emit that made it, never the process.
 * - R2 After every event the event loop gets a turn, so that a cancel message arrives although
 *   `session.run` blocks the loop for the length of each step.
 * - R3 After an abort a generator is not resumed: it is returned, so that its `finally` runs, and its
 *   later yields are swallowed.
 * - R4 The result is `aborted` whenever the signal has fired, also if the model finished or threw
 *   because of it.
 * - R5 Nothing is emitted after the result.
 * - R6 A checkpoint leaves behind every event that was emitted before it and before every later one.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { StepcastError, parseInput, type ErrorCode, type LogLevel } from '@stepcast/protocol';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { EventDefinitions, Model, RunContext } from './definition.js';
import type { LoadedModel } from './load-model.js';
import { ModelEvent, encodeChecked, readProgress } from './model-event.js';
import { safeMessage } from './safe-message.js';

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

/** Never rejects: whatever the model does is an outcome. */
export async function runModel(
  { model, loaded }: LoadedModel,
  order: RunOrder,
  port: RunPort,
): Promise<RunOutcome> {
  const gate = { open: true };
  try {
    const input = parseInput(model.input, order.input);
    const saved = order.saved === undefined ? undefined : decodeCheckpoint(model, order.saved);
    const context = createContext({ model, loaded, order, saved, port, gate });
    const output = await drive(model.run(input, context), port);
    if (port.signal.aborted) return { kind: 'aborted' };
    const target = { code: 'invalid_output', name: 'The output', schema: model.output } as const;
    return { kind: 'done', output: encodeChecked(target, output).json };
  } catch (error) {
    return port.signal.aborted ? { kind: 'aborted' } : toFailure(error);
  } finally {
    gate.open = false;
  }
}

interface ContextParts {
  readonly model: Model;
  readonly loaded: unknown;
  readonly order: RunOrder;
  readonly saved: unknown;
  readonly port: RunPort;
  /** Closed once there is a result (R5). */
  readonly gate: { open: boolean };
}

function createContext(parts: ContextParts): RunContext<EventDefinitions, unknown> {
  const { model, loaded, order, saved, port, gate } = parts;
  /** Sends one thing, gives the event loop a turn (R2), and ends the model that is to stop. */
  const send = async (what: string, deliver: () => Promise<void> | void): Promise<void> => {
    port.signal.throwIfAborted();
    if (!gate.open) throw new Error(`${what} after the run has ended; await every ${what}`);
    await deliver();
    await turn();
    port.signal.throwIfAborted();
  };
  const event = (type: string, data: unknown) => createEvent(model, type, data);
  return {
    job: order.job,
    attempt: order.attempt,
    rank: 0,
    worldSize: 1,
    signal: port.signal,
    loaded,
    event,
    log: (level, message) => {
      if (gate.open) port.log(level, message);
    },
    saved,
    emit: (type, data) => send('emit', () => port.emit(event(type, data))),
    checkpoint: (state) =>
      send('checkpoint', () => port.checkpoint?.(encodeCheckpoint(model, state))),
  };
}

function createEvent(model: Model, type: string, data: unknown): ModelEvent {
  const definition = Object.hasOwn(model.events, type) ? model.events[type] : undefined;
  if (definition === undefined) {
    const known = Object.keys(model.events).join(', ') || 'none';
    throw new StepcastError(
      'invalid_event',
      `The event "${type}" is not declared by the model; add it to \`events\` (declared: ${known}).`,
    );
  }
  const target = {
    code: 'invalid_event',
    name: `The event "${type}"`,
    schema: definition.schema,
  } as const;
  const { json, value } = encodeChecked(target, data);
  return new ModelEvent(type, json, readProgress(value));
}

async function drive(result: unknown, port: RunPort): Promise<unknown> {
  if (!isGenerator(result)) return await result;
  let step = await result.next();
  while (step.done !== true) {
    if (step.value instanceof ModelEvent) {
      await port.emit(step.value);
      await turn();
      if (port.signal.aborted) return finish(result);
      step = await result.next();
    } else {
      step = await result.throw(
        new StepcastError(
          'invalid_event',
          'The model yielded something that is not an event; write: yield ctx.event(type, data)',
        ),
      );
    }
  }
  return step.value;
}

/** R3: a `finally` may yield; it is resumed until it is through. */
async function finish(generator: AnyGenerator): Promise<void> {
  let step = await generator.return(undefined);
  while (step.done !== true) {
    await turn();
    step = await generator.next();
  }
}

type AnyGenerator = Generator<unknown, unknown> | AsyncGenerator<unknown, unknown>;

function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== 'object' || value === null) return false;
  const { next, throw: raise } = value as Partial<AnyGenerator>;
  return typeof next === 'function' && typeof raise === 'function' && 'return' in value;
}

function toFailure(error: unknown): RunOutcome {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  const code = error instanceof StepcastError ? error.code : 'model_error';
  return { kind: 'failed', code, message: safeMessage(error), ...stack };
}
