import type { ModelManifest } from '../manifest.js';
import { assignNumbers } from './field-numbers.js';
import { messageOf, type MessageType } from './from-schema.js';
import { toFieldName, toTypeName } from './names.js';
import { UnservableSchema } from './unservable-schema.js';

/** One type of event of a model, as a field of `oneof data`. */
export interface EventField {
  /** Type of the event. */
  readonly type: string;
  readonly name: string;
  readonly number: number;
  readonly data: MessageType;
}

/** The message of one event of a model. */
export interface EventMessage {
  readonly name: string;
  readonly fields: readonly EventField[];
}

/** Fields of the envelope and of the hub's own types, by their numbers from 1 on. */
const ENVELOPE_FIELDS: readonly string[] = [
  ...['job', 'seq', 'attempt', 'at_ms', 'type'],
  ...['queued', 'started', 'new_attempt', 'log', 'snapshot', 'completed', 'reset'],
];

/**
 * The events of a model. Types are numbered by their names, behind the small numbers of the envelope.
 * @throws {UnservableSchema} when a schema cannot be expressed, or two types have one name in proto
 */
export function createEventMessage(manifest: ModelManifest, title: string): EventMessage {
  const name = `${title}Event`;
  const types = Object.entries(manifest.events);
  const numbers = assignNumbers(
    'events',
    [
      ...ENVELOPE_FIELDS.map((field, index) => ({ key: `the field ${field}`, chosen: index + 1 })),
      ...types.map(([type, schema]) => ({ key: type, chosen: schema['field'] })),
    ],
    '.meta({ field: 13 }) on its schema',
  );
  const names = [...ENVELOPE_FIELDS, 'data'];
  const taken = new Map<string, string>(names.map((field) => [field, 'a field of all events']));
  const messages = new Map<string, string>();
  const fields = types.map(([type, schema]): EventField => {
    const plain = toFieldName(type);
    const fieldName = taken.has(plain) ? `${plain}_event` : plain;
    const other = taken.get(fieldName);
    if (other !== undefined) {
      throw new UnservableSchema('events', `"${other}" and "${type}" are both "${fieldName}"`);
    }
    taken.set(fieldName, type);
    const dataName = messageName(type);
    const holder = messages.get(dataName);
    if (holder !== undefined) {
      throw new UnservableSchema(
        'events',
        `the data of "${holder}" and "${type}" are both "${dataName}"; rename one`,
      );
    }
    messages.set(dataName, type);
    const data = messageOf(schema, {
      direction: 'response',
      name: dataName,
      scope: name,
      path: `events.${type}`,
      comment: '',
    });
    return { type, name: fieldName, number: numbers.get(type) ?? 0, data };
  });
  return { name, fields };
}

/** Not one that would hide a shared message, or the completion of the job. */
function messageName(type: string): string {
  const name = toTypeName(type);
  const shared = [
    'Tensor',
    'Queued',
    'Started',
    'NewAttempt',
    'Log',
    'Snapshot',
    'Reset',
    'Completed',
  ];
  return shared.includes(name) ? `${name}Event` : name;
}
