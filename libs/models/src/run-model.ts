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
import { StepcastError, parseInput } from '@stepcast/protocol';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { EventDefinitions, Execution, Model, RunContext } from './definition.js';
import { createEvent } from './create-event.js';
import { ModelEvent } from './model-event.js';
import {
  outcomeOf,
  toDone,
  toFailure,
  type RunOrder,
  type RunOutcome,
  type RunPort,
  type WarmModel,
} from './run.js';

type Runs = Extract<Execution, { kind: 'run' }>;

/** Never rejects: whatever the model does is an outcome. */
export async function runByItself(
  { model, loaded }: WarmModel,
  execution: Runs,
  { order, port }: { readonly order: RunOrder; readonly port: RunPort },
): Promise<RunOutcome> {
  const gate = { open: true };
  try {
    const input = parseInput(model.input, order.input);
    const saved = order.saved === undefined ? undefined : decodeCheckpoint(model, order.saved);
    const context = createContext({ model, loaded, order, saved, port, gate });
    const output = await drive(execution.run(input, context), port);
    return outcomeOf(port, toDone(model, output));
  } catch (error) {
    return outcomeOf(port, toFailure(error));
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
  const event = createEvent.bind(undefined, model);
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
