import { StepcastError } from '@stepcast/protocol';
import { FaultyEvent } from './create-event.js';
import { ModelEvent } from './model-event.js';

/** What a step has made of one job, checked. */
export interface CheckedResult {
  /** Fails this job alone. */
  readonly error?: Error;
  readonly events: readonly ModelEvent[];
  readonly done: boolean;
  readonly checkpoint?: unknown;
}

/**
 * Checks what `step` has returned; authors may write plain JavaScript.
 * @throws {StepcastError} `model_error` when there is not one result per state
 */
export function readResults(value: unknown, count: number): CheckedResult[] {
  if (!Array.isArray(value) || value.length !== count) {
    const got = Array.isArray(value) ? `${value.length} results` : typeof value;
    throw new StepcastError(
      'model_error',
      `step returned ${got} for ${count} states; return an array with one result per state.`,
    );
  }
  return value.map(readResult);
}

function readResult(value: unknown): CheckedResult {
  if (value instanceof Error) return fails(value);
  if (typeof value !== 'object' || value === null) {
    return misfit('a result of step is no object; return { events: [ctx.event(type, data)] }.');
  }
  const { events = [], done = false, checkpoint } = value as Partial<CheckedResult>;
  const areEvents = Array.isArray(events) && events.every((event) => event instanceof ModelEvent);
  if (!areEvents) {
    return misfit(
      'step returned something that is not an event; make events by ctx.event(type, data).',
    );
  }
  const faulty = events.find((event) => event instanceof FaultyEvent);
  return faulty === undefined ? { events, done, checkpoint } : fails(faulty.error);
}

function misfit(message: string): CheckedResult {
  return fails(new StepcastError('invalid_event', message));
}

function fails(error: Error): CheckedResult {
  return { error, events: [], done: false };
}
