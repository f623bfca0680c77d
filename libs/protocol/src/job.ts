import * as z from 'zod';
import { CANCEL_ORIGINS } from './events.js';

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

export const JOB_STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;

export type JobStatus = (typeof JOB_STATUSES)[number];

/** Whether a job of this status has ended. */
export function isEnded(status: JobStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Grace of a holder that streams over WebSocket or SSE: long enough for a reload of the page. */
export const DEFAULT_GRACE_MS = 5_000;

export const onDisconnectSchema = z.object({
  policy: z
    .enum(['cancel', 'continue'])
    .describe('What the end of the last holder means: nothing, or the start of a countdown.'),
  graceMs: z.int().min(0).max(HOUR_MS).default(DEFAULT_GRACE_MS),
});

export type OnDisconnect = z.infer<typeof onDisconnectSchema>;

/** What a submitter may choose. All fields have defaults; unknown fields are ignored. */
export const jobOptionsSchema = z.object({
  onDisconnect: onDisconnectSchema
    .optional()
    .describe('Default: continue for POST /v1/jobs, cancel after 5 s for calls that stream.'),
  firstAttachMs: z
    .int()
    .min(0)
    .max(HOUR_MS)
    .default(30_000)
    .describe('How long a job with policy cancel waits for its first holder.'),
  priority: z.int().min(0).max(100).default(0).describe('Higher runs first.'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('How often the model may be run when it throws; a dead worker is not counted.'),
  startTimeoutMs: z
    .int()
    .min(1)
    .max(WEEK_MS)
    .default(24 * HOUR_MS)
    .describe('How long the job may wait in the queue.'),
  timeoutMs: z.int().min(1).max(WEEK_MS).default(HOUR_MS).describe('How long one attempt may run.'),
  retainMs: z
    .int()
    .min(1_000)
    .max(WEEK_MS)
    .default(HOUR_MS)
    .describe('How long record and log are kept after the end.'),
});

/** What a client sends. */
export type JobOptionsInput = z.input<typeof jobOptionsSchema>;

/** Options with every default filled in. */
export type JobOptions = z.output<typeof jobOptionsSchema> & {
  readonly onDisconnect: OnDisconnect;
};

/** Fills in the defaults; `onDisconnect` depends on the call that submits. */
export function completeOptions(
  options: z.output<typeof jobOptionsSchema>,
  onDisconnect: OnDisconnect,
): JobOptions {
  return { ...options, onDisconnect: options.onDisconnect ?? onDisconnect };
}

/** Body of `POST /v1/jobs` and of the WebSocket `submit`. */
export const submitSchema = z.object({
  model: z.string().min(1).max(100),
  input: z.unknown().default({}),
  options: jobOptionsSchema.prefault({}),
});

export const cancelSchema = z.object({
  by: z.enum(CANCEL_ORIGINS),
  reason: z.string(),
  stoppedAfterMs: z.number(),
});

/** A job as REST shows it. */
export const jobSchema = z.object({
  id: z.string(),
  model: z.string(),
  status: z.enum(JOB_STATUSES),
  attempt: z.int().min(0).describe('0 until a worker has taken the job.'),
  position: z.string().describe('`<epoch>.<seq>` of the newest event; resume streams from here.'),
  progress: z
    .object({ step: z.number(), of: z.number() })
    .nullable()
    .describe('From the newest event whose data has numbers `step` and `of`.'),
  queue: z
    .object({
      position: z.int().min(0).describe('Jobs of this model that will start before it.'),
      etaMs: z.number().nullable().describe('null until a job of this model has completed.'),
    })
    .nullable()
    .describe('null once the job has started.'),
  output: z.unknown(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  cancel: cancelSchema.nullable().describe('What the `cancelled` event says.'),
  createdAt: z.int(),
  startedAt: z.int().nullable(),
  finishedAt: z.int().nullable(),
  links: z.object({ self: z.string(), events: z.string(), log: z.string(), ws: z.string() }),
});

export type Job = z.infer<typeof jobSchema>;

/** Relative addresses of a job's resources. */
export function jobLinks(id: string): Job['links'] {
  return {
    self: `/v1/jobs/${id}`,
    events: `/v1/jobs/${id}/events`,
    log: `/v1/jobs/${id}/log`,
    ws: '/v1/ws',
  };
}
