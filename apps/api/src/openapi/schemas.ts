import { jobEventSchema, jobOptionsSchema, jobSchema, submitSchema } from '@stepcast/protocol';
import * as z from 'zod';

export type Json = Record<string, unknown>;

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('One of docs/errors.md; stable.'),
  detail: z.string(),
  retryable: z.boolean().describe('Whether the same call may succeed when it is sent again.'),
  errors: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .describe('Every fault of an input.'),
});

const jobListSchema = z.object({
  jobs: z.array(jobSchema),
  nextCursor: z
    .string()
    .nullable()
    .describe('Pass as `cursor` for the next page; null on the last.'),
});

const logSchema = z.object({
  events: z.array(jobEventSchema),
  position: z.string().describe('Pass as `from` for what follows.'),
  closed: z.boolean().describe('The job has ended and its last event is at or before `position`.'),
  reset: z
    .literal(true)
    .optional()
    .describe('What you hold is no longer the truth: begin anew with what this answer holds.'),
  snapshot: z
    .object({ position: z.string(), state: z.unknown() })
    .optional()
    .describe('The folded state up to its position, instead of the events up to there.'),
});

const modelSchema = z.object({
  name: z.string(),
  description: z.string(),
  version: z.string(),
  examples: z.array(z.unknown()),
  input: z.unknown().describe('JSON Schema of the input.'),
  events: z.record(z.string(), z.unknown()).describe('JSON Schema of the data of each event type.'),
  output: z.unknown().describe('JSON Schema of the output.'),
  folds: z.record(z.string(), z.enum(['all', 'append', 'latest'])),
  streams: z.boolean(),
  devices: z.array(z.string()).describe('Devices of the workers that serve it now.'),
  workers: z.int(),
  slots: z.object({ total: z.int(), busy: z.int() }),
  queueDepth: z.int(),
});

const modelListSchema = z.object({
  models: z.array(modelSchema),
  broken: z
    .array(z.object({ folder: z.string(), reason: z.string() }))
    .describe('Folders that look like models and cannot be used.'),
});

/** JSON Schema for OpenAPI 3.1. `input` is what a client sends: fields with a default are optional. */
export function toSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  return withoutDialect(z.toJSONSchema(schema, { io }));
}

/** The document says the dialect of all its schemas. */
export function withoutDialect(schema: Readonly<Json>): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema'));
}

/** The schemas that paths refer to. */
export function componentSchemas(): Json {
  return {
    Job: toSchema(jobSchema, 'output'),
    JobList: toSchema(jobListSchema, 'output'),
    JobLog: toSchema(logSchema, 'output'),
    JobEvent: toSchema(jobEventSchema, 'output'),
    JobOptions: toSchema(jobOptionsSchema, 'input'),
    Submission: toSchema(submitSchema, 'input'),
    Model: toSchema(modelSchema, 'output'),
    ModelList: toSchema(modelListSchema, 'output'),
    Problem: toSchema(problemSchema, 'output'),
  };
}

/** A reference to one of {@link componentSchemas}. */
export function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
