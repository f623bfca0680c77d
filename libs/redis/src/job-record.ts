import type { JobRecord, Progress, StopOrder } from '@stepcast/hub';
import type { CancelOrigin, JobOptions, JobStatus } from '@stepcast/protocol';

/**
 * Fields of the meta hash that make a {@link JobRecord}, in the order in which scripts return them:
 * callers pass this list, so the order is known here alone.
 */
export const RECORD_FIELDS = [
  'model',
  'status',
  'attempt',
  'epoch',
  'top',
  'options',
  'createdAt',
  'startedAt',
  'finishedAt',
  'progress',
  'worker',
  'stopBy',
  'stopReason',
  'stopAt',
  'end',
] as const;

type Field = (typeof RECORD_FIELDS)[number];

/** Upper bound of a day beyond what the options allow, for the safety expiry of an open job. */
const DAY_MS = 86_400_000;

/** The record from the values of {@link RECORD_FIELDS}; undefined if there is none. */
export function decodeRecord(
  id: string,
  values: readonly (string | null)[],
): JobRecord | undefined {
  const of = (field: Field): string | undefined =>
    values[RECORD_FIELDS.indexOf(field)] ?? undefined;
  const epoch = of('epoch');
  if (epoch === undefined) return undefined;
  const stop = decodeStop(of('stopBy'), of('stopReason'), of('stopAt'));
  return {
    id,
    model: of('model') ?? '',
    status: (of('status') ?? 'queued') as JobStatus,
    attempt: Number(of('attempt')),
    epoch,
    top: Number(of('top')),
    options: JSON.parse(of('options') ?? '{}') as JobOptions,
    createdAt: Number(of('createdAt')),
    ...optional('startedAt', of('startedAt'), Number),
    ...optional('finishedAt', of('finishedAt'), Number),
    ...optional('progress', of('progress'), (json) => JSON.parse(json) as Progress),
    ...optional('worker', of('worker'), String),
    ...(stop && { stop }),
    ...optional('end', of('end'), String),
  };
}

/** The three parts of a stop order as scripts keep and return them; `reason` is JSON. */
export function decodeStop(by: unknown, reason: unknown, at: unknown): StopOrder | undefined {
  if (typeof by !== 'string' || typeof reason !== 'string') return undefined;
  return { by: by as CancelOrigin, reason: JSON.parse(reason) as string, at: Number(at) };
}

/** Field, value, … of the part of the meta hash that never changes. */
export function fixedFields(job: {
  readonly model: string;
  readonly input: string;
  readonly options: JobOptions;
}): (string | number)[] {
  const { options } = job;
  return [
    ...['model', job.model, 'input', job.input, 'options', JSON.stringify(options)],
    // What the scripts decide by, so that they need not decode the options at each append.
    ...['cancels', options.onDisconnect.policy === 'cancel' ? 1 : 0],
    ...['graceMs', options.onDisconnect.graceMs],
    ...['firstAttachMs', options.firstAttachMs],
    ...['startTimeoutMs', options.startTimeoutMs],
    ...['retainMs', options.retainMs],
    ...['openMs', maxOpenMs(options)],
  ];
}

/**
 * How long the keys of a job that has not ended may live after the last claim: no key without an end,
 * and none that ends while its job may still run.
 */
export function maxOpenMs(options: JobOptions): number {
  return options.startTimeoutMs + options.attempts * options.timeoutMs + options.retainMs + DAY_MS;
}

function optional<Key extends string, T>(
  key: Key,
  value: string | undefined,
  decode: (value: string) => T,
): Partial<Record<Key, T>> {
  return value === undefined ? {} : ({ [key]: decode(value) } as Record<Key, T>);
}
