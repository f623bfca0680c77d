import * as z from 'zod';
import type { ErrorCode } from './codes.js';
import { StepcastError } from './errors.js';
import { submitSchema } from './job.js';
import { assertDepth, faultsOf } from './validation.js';
import { LIMITS } from './limits.js';

/** Chosen by the client, echoed in the answer; a long one is refused because it is sent back. */
const id = z.union([z.string().max(128), z.number()]).optional();
const job = z.string().min(1).max(64);

/** WebSocket messages from the client to the hub (docs/protocol.md §5), by `op`. */
export const commandSchemas = {
  submit: submitSchema.extend({
    op: z.literal('submit'),
    id,
    idempotencyKey: z.string().min(1).max(LIMITS.maxIdempotencyKeyLength).optional(),
  }),
  subscribe: z.object({
    op: z.literal('subscribe'),
    id,
    job,
    from: z.string().max(64).default('start'),
    hold: z.boolean().default(true),
  }),
  unsubscribe: z.object({ op: z.literal('unsubscribe'), id, job }),
  cancel: z.object({
    op: z.literal('cancel'),
    id,
    job,
    reason: z.string().max(LIMITS.maxReasonLength).default(''),
  }),
  ping: z.object({ op: z.literal('ping'), id }),
} as const;

export type CommandOp = keyof typeof commandSchemas;
export type CommandId = z.output<typeof id>;
export type CommandOf<Op extends CommandOp> = z.output<(typeof commandSchemas)[Op]>;
export type Command = { [Op in CommandOp]: CommandOf<Op> }[CommandOp];

/** A message that is not a command. Carries the `id` to answer to, as far as one could be read. */
export class CommandError extends StepcastError {
  readonly id: CommandId;

  constructor(error: StepcastError, commandId: CommandId) {
    super(error.code, error.message, { faults: error.faults, cause: error.cause });
    this.id = commandId;
  }
}

/**
 * Reads one message from a client. Unknown fields are ignored.
 * @throws {CommandError} `malformed_json`, `unknown_op` or `invalid_input`; the connection lives on.
 */
export function parseCommand(text: string): Command {
  const value = parseObject(text);
  const idResult = id.safeParse(value['id']);
  const commandId = idResult.success ? idResult.data : undefined;
  const op = value['op'];
  if (typeof op !== 'string' || !Object.hasOwn(commandSchemas, op)) {
    throw commandError(
      'unknown_op',
      commandId,
      `Use one of: ${Object.keys(commandSchemas).join(', ')}.`,
    );
  }
  const result = commandSchemas[op as CommandOp].safeParse(value);
  if (!result.success) {
    const faults = faultsOf(result.error);
    const first = faults[0];
    const message =
      first === undefined ? undefined : `${first.path || 'message'}: ${first.message}`;
    throw new CommandError(new StepcastError('invalid_input', message, { faults }), commandId);
  }
  return result.data;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandError(new StepcastError('malformed_json', undefined, { cause }), undefined);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw commandError('invalid_input', undefined, 'A message is one JSON object.');
  }
  try {
    assertDepth(value);
  } catch (error) {
    throw new CommandError(StepcastError.from(error), undefined);
  }
  return value as Record<string, unknown>;
}

function commandError(code: ErrorCode, commandId: CommandId, message: string): CommandError {
  return new CommandError(new StepcastError(code, message), commandId);
}
