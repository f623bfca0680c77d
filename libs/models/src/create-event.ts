import { StepcastError } from '@stepcast/protocol';
import type { Model } from './definition.js';
import { ModelEvent, encodeChecked, readProgress } from './model-event.js';

/** An event that could not be made: it fails the job that it is for. */
export class FaultyEvent extends ModelEvent {
  readonly error: Error;

  constructor(type: string, error: Error) {
    super(type, 'null', undefined);
    this.error = error;
  }
}

/** As {@link createEvent}, for one of many jobs: what is wrong with it concerns none of the others. */
export function tryEvent(model: Model, type: string, data: unknown): ModelEvent {
  try {
    return createEvent(model, type, data);
  } catch (error) {
    return new FaultyEvent(type, StepcastError.from(error));
  }
}

/**
 * Makes an event of a model.
 * @throws {StepcastError} `invalid_event`; the message says how to fix the model.
 */
export function createEvent(model: Model, type: string, data: unknown): ModelEvent {
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
