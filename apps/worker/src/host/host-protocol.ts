/**
 * What the worker and a model host say to each other over IPC: the only file that knows. Both sides
 * parse what they receive, so that a mismatch of versions is an error here and not a riddle later. Each
 * IPC message is a list: what one side has to say in one turn goes together ({@link Outgoing}).
 *
 *   worker                                host
 *     │ init ─────────────────────────────► │  loads every model
 *     │ ◄───────────────────────────── ready │
 *     │ run {job} ────────────────────────► │  further ones of the same model while it runs, if it batches
 *     │ ◄──────── event*, log*, checkpoint* │  at most a window of them without an ack
 *     │ ack {count} ──────────────────────► │
 *     │ cancel {job} ─────────────────────► │  any time
 *     │ ◄──────────── done | failed | aborted │  exactly one per run
 *     │ ◄─────────────────────────── batches │  now and then: how large the batches were
 *     │ close ────────────────────────────► │  while no job runs: unloads its models and ends
 */
import * as z from 'zod';
import { LOG_LEVELS, isErrorCode, type ErrorCode } from '@stepcast/protocol';

const job = z.string();

const errorCode = z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value));

/** From the worker to the host. */
const hostCommandSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('init'),
    modelsDirectory: z.string(),
    providers: z.array(z.string()),
    threads: z.int(),
    /** Bounds every batch; 0 leaves it to the models. */
    maxBatchSize: z.int().min(0),
  }),
  z.object({
    kind: z.literal('run'),
    job,
    attempt: z.int(),
    model: z.string(),
    /** JSON. */
    input: z.string(),
    /** `data` of the newest checkpoint of an earlier attempt. */
    saved: z.string().optional(),
  }),
  z.object({ kind: z.literal('cancel'), job }),
  /** So many more messages of the job are stored: as many more may come. */
  z.object({ kind: z.literal('ack'), job, count: z.int().min(1) }),
  z.object({ kind: z.literal('close') }),
]);

/** What a host receives. */
export const hostCommandsSchema = z.array(hostCommandSchema);

export type HostCommand = z.infer<typeof hostCommandSchema>;
export type InitCommand = Extract<HostCommand, { kind: 'init' }>;
export type RunCommand = Extract<HostCommand, { kind: 'run' }>;

/** From the host to the worker. */
const hostMessageSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('ready'),
    models: z.record(z.string(), z.object({ device: z.string(), loadMs: z.number() })),
    /** Models that could not be loaded, with the reason. */
    failures: z.record(z.string(), z.string()),
  }),
  z.object({
    kind: z.literal('event'),
    job,
    type: z.string(),
    /** JSON. */
    data: z.string(),
    progress: z.object({ step: z.number(), of: z.number() }).optional(),
  }),
  z.object({
    kind: z.literal('log'),
    /** Absent for lines that belong to no job: they go to the log of the worker only. */
    job: job.optional(),
    level: z.enum(LOG_LEVELS),
    message: z.string(),
  }),
  z.object({
    kind: z.literal('checkpoint'),
    job,
    /** What a later attempt needs to go on behind the events sent so far: only the model's host reads it. */
    data: z.string(),
  }),
  z.object({ kind: z.literal('done'), job, output: z.string() }),
  z.object({
    kind: z.literal('failed'),
    job,
    code: errorCode,
    message: z.string(),
    stack: z.string().optional(),
  }),
  z.object({ kind: z.literal('aborted'), job }),
  z.object({
    kind: z.literal('batches'),
    model: z.string(),
    /** Size → how many batches, or steps of many jobs, had it. */
    sizes: z.record(z.string(), z.int().min(1)),
    /** How long each job of these batches had waited in the host; empty for steps, which wait for nobody. */
    waitsMs: z.array(z.number()),
  }),
]);

/** What a worker receives. */
export const hostMessagesSchema = z.array(hostMessageSchema);

export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ReadyMessage = Extract<HostMessage, { kind: 'ready' }>;
export type BatchesMessage = Extract<HostMessage, { kind: 'batches' }>;
export type EventMessage = Extract<HostMessage, { kind: 'event' }>;

/** Events, log lines and checkpoints that a host may have sent without an ack; then the model waits. */
export const MAX_UNACKED_MESSAGES = 256;

/** The same in bytes: 16 of the largest events. */
export const MAX_UNACKED_BYTES = 4 * 1_048_576;
