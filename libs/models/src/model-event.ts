import type { z } from 'zod';
import { LIMITS, StepcastError, faultsOf } from '@stepcast/protocol';
import { describeUnencodable } from './unencodable.js';

/** What the envelope of an event (job, seq, attempt, type, time) may add to its data. */
const ENVELOPE_BYTES = 512;

/** Largest `data` of an event, or output of a job, in bytes of JSON. */
export const MAX_DATA_BYTES = LIMITS.maxEventBytes - ENVELOPE_BYTES;

/** How far a job is, read from the data of an event. */
export interface ModelProgress {
  readonly step: number;
  readonly of: number;
}

/**
 * An event of a model, checked and encoded. Made by `ctx.event`; nothing is emitted until the model
 * yields it. What the model changes in its data afterwards does not reach viewers.
 */
export class ModelEvent {
  readonly type: string;
  /** JSON of `data`. */
  readonly json: string;
  /** Present when the data has finite numbers `step` and `of`. */
  readonly progress: ModelProgress | undefined;

  constructor(type: string, json: string, progress: ModelProgress | undefined) {
    this.type = type;
    this.json = json;
    this.progress = progress;
  }
}

/** What is encoded, for the message of the error. */
export interface Encodable {
  readonly code: 'invalid_event' | 'invalid_output';
  /** How the message names it: `The event "step"`, `The output`. */
  readonly name: string;
  readonly schema: z.ZodType;
}

/**
 * Checks a value against its schema and encodes it.
 * @throws {StepcastError} `invalid_event` or `invalid_output`; the message says how to fix the model.
 */
export function encodeChecked(target: Encodable, value: unknown): { json: string; value: unknown } {
  const { code, name } = target;
  let json: string | undefined;
  let checked: unknown;
  try {
    const result = target.schema.safeParse(value);
    if (!result.success) throw new StepcastError(code, describeMisfit(name, result.error));
    checked = result.data;
    json = stringify(checked);
  } catch (cause) {
    if (cause instanceof StepcastError) throw cause;
    throw new StepcastError(code, `${name} ${describeUnencodable(value)}`, { cause });
  }
  if (json === undefined) {
    const kind = typeof checked;
    throw new StepcastError(code, `${name} is ${kind}, which is not JSON; use null or an object.`);
  }
  assertSize(target, json);
  return { json, value: checked };
}

/** The finite numbers `step` and `of` of an event's data. */
export function readProgress(data: unknown): ModelProgress | undefined {
  if (typeof data !== 'object' || data === null || !('step' in data) || !('of' in data)) return;
  const { step, of } = data;
  if (typeof step !== 'number' || typeof of !== 'number') return;
  return Number.isFinite(step) && Number.isFinite(of) ? { step, of } : undefined;
}

/** `JSON.stringify` with its true type: undefined, functions and symbols give undefined. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/** What is wrong with a value, for the author of the model. */
export function describeMisfit(name: string, error: z.ZodError): string {
  const faults = faultsOf(error).map(({ path, message }) => `${path || '(data)'}: ${message}`);
  return `${name} does not fit its schema: ${faults.join('; ').slice(0, 400)}`;
}

function assertSize({ code, name }: Encodable, json: string): void {
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_DATA_BYTES) return;
  throw new StepcastError(
    code,
    `${name} has ${bytes} bytes of JSON, but at most ${MAX_DATA_BYTES} are allowed; ` +
      'make it smaller or split it into several events.',
  );
}
