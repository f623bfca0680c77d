import * as z from 'zod';

/** Name of an event type that a model may declare. */
export const EVENT_TYPE_PATTERN = /^[a-z][a-z0-9_-]{0,31}$/;

/** Types that the hub itself writes; a model may not declare them. */
export const RESERVED_TYPES = [
  'queued',
  'started',
  'attempt',
  'log',
  'snapshot',
  'completed',
  'failed',
  'cancelled',
] as const;

export type ReservedType = (typeof RESERVED_TYPES)[number];

/** The types that end a job: exactly one of them is the last event of every log. */
export const TERMINAL_TYPES = ['completed', 'failed', 'cancelled'] as const;

export type TerminalType = (typeof TERMINAL_TYPES)[number];

export function isReservedType(type: string): type is ReservedType {
  return (RESERVED_TYPES as readonly string[]).includes(type);
}

export function isTerminalType(type: string): type is TerminalType {
  return (TERMINAL_TYPES as readonly string[]).includes(type);
}

/**
 * How the events of one type fold into the state that a snapshot carries: `all` keeps every one
 * (lossless), `append` joins their strings and arrays, `latest` keeps only the newest.
 */
export const FOLDS = ['all', 'append', 'latest'] as const;

export type FoldKind = (typeof FOLDS)[number];

/** Who ended a cancelled job. */
export const CANCEL_ORIGINS = ['client', 'disconnect', 'timeout', 'shutdown'] as const;

export type CancelOrigin = (typeof CANCEL_ORIGINS)[number];

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** `data` of the reserved types. */
export const reservedData = {
  queued: z.object({ model: z.string() }),
  started: z.object({
    worker: z.string(),
    device: z.string(),
    host: z.string().describe('The process that runs the model; the same one again = it was warm.'),
  }),
  attempt: z.object({
    attempt: z.int().min(2),
    mode: z.enum(['restart', 'resume']),
    fromSeq: z
      .int()
      .min(1)
      .describe(
        "With restart the model's events below this seq are void; with resume those from it on that came before.",
      ),
  }),
  log: z.object({ level: z.enum(LOG_LEVELS), message: z.string() }),
  snapshot: z.looseObject({}),
  completed: z.object({
    output: z.unknown(),
    metrics: z.object({ queuedMs: z.number(), runMs: z.number() }),
  }),
  failed: z.object({ code: z.string(), message: z.string() }),
  cancelled: z.object({
    by: z.enum(CANCEL_ORIGINS),
    reason: z.string(),
    stoppedAfterMs: z.number().min(0).describe('From the decision to cancel until nothing ran.'),
  }),
} satisfies Record<ReservedType, z.ZodType>;

/** One item of a job's log: the same JSON on every transport. */
export const jobEventSchema = z.object({
  job: z.string(),
  seq: z.int().min(1).describe('1, 2, 3 … without holes, across attempts.'),
  attempt: z.int().min(0).describe('0 until a worker has taken the job.'),
  type: z.string().regex(EVENT_TYPE_PATTERN),
  at: z.int().describe('Milliseconds since 1970, by the clock of Redis.'),
  data: z.unknown(),
});

export type JobEvent = z.infer<typeof jobEventSchema>;

/**
 * The type of an encoded event without parsing it. The log writes its fields in a fixed order
 * (`job`, `seq`, `attempt`, `type`), so that relays need not parse what they pass on.
 */
export function readEventType(json: string): string {
  const match = /^\{"job":"[^"]*","seq":\d+,"attempt":\d+,"type":"([^"]+)"/.exec(json);
  if (match?.[1] === undefined) throw new TypeError('not an encoded event');
  return match[1];
}
