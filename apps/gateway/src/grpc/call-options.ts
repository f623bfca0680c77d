import type { Metadata } from '@grpc/grpc-js';
import { parseRequestOptions, type Submission } from '@stepcast/jobs';
import { LIMITS, StepcastError } from '@stepcast/protocol';

/** Metadata → option of the job (docs/protocol.md §12). */
const OPTIONS = new Map([
  ['stepcast-on-disconnect', 'onDisconnect'],
  ['stepcast-grace-ms', 'graceMs'],
  ['stepcast-first-attach-ms', 'firstAttachMs'],
  ['stepcast-priority', 'priority'],
  ['stepcast-attempts', 'attempts'],
  ['stepcast-start-timeout-ms', 'startTimeoutMs'],
  ['stepcast-timeout-ms', 'timeoutMs'],
  ['stepcast-retain-ms', 'retainMs'],
]);

const IDEMPOTENCY_KEY = 'stepcast-idempotency-key';

/** A call cannot resume, so nobody waits for it to come back. */
const ON_DISCONNECT = { policy: 'cancel', graceMs: 0 } as const;

/**
 * What the metadata of a call say of its job.
 * @throws {StepcastError} `invalid_input`, naming the metadata
 */
export function parseCallOptions(
  metadata: Metadata,
): Pick<Submission, 'options' | 'onDisconnect' | 'idempotencyKey'> {
  const query: Record<string, string> = {};
  for (const [key, option] of OPTIONS) {
    const text = textOf(metadata, key);
    if (text !== undefined) query[option] = text;
  }
  if (query['onDisconnect'] === 'cancel') query['graceMs'] ??= '0';
  return {
    options: parse(query),
    onDisconnect: ON_DISCONNECT,
    idempotencyKey: idempotencyKey(metadata),
  };
}

function parse(query: Record<string, string>): Submission['options'] {
  try {
    return parseRequestOptions(query, {});
  } catch (error) {
    const { code, faults } = StepcastError.from(error);
    const renamed = faults.map(({ path, message }) => ({ path: metadataOf(path), message }));
    const list = renamed.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new StepcastError(code, list, { faults: renamed, cause: error });
  }
}

/** `onDisconnect.graceMs` → `stepcast-grace-ms`. */
function metadataOf(path: string): string {
  const parts = path.split('.');
  const option = parts.at(-1) === 'policy' ? 'onDisconnect' : parts.at(-1);
  return [...OPTIONS].find(([, name]) => name === option)?.[0] ?? path;
}

function idempotencyKey(metadata: Metadata): string | undefined {
  const key = textOf(metadata, IDEMPOTENCY_KEY);
  const max = LIMITS.maxIdempotencyKeyLength;
  if (key !== undefined && (key === '' || key.length > max)) {
    const message = `${IDEMPOTENCY_KEY}: must have 1 to ${max} characters`;
    throw new StepcastError('invalid_input', message);
  }
  return key;
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : String(value);
}
