import { StepcastError } from '@stepcast/protocol';
import type { Model } from './definition.js';
import { ModelEvent, encodeChecked, readProgress } from './model-event.js';

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
