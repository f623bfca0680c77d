import * as z from 'zod';

/** Where {@link JobsConfig} is injected. */
export const JOBS_CONFIG = Symbol('JobsConfig');

/** What every process that submits or shows jobs reads. */
export const jobsConfigSchema = z.object({
  IDEMPOTENCY_TTL_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(7 * 24 * 3_600_000)
    .default(24 * 3_600_000)
    .describe('How long an Idempotency-Key stands for the job that it first submitted.'),
  MAX_QUEUED_JOBS: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .default(10_000)
    .describe(
      'Jobs of one model that may wait; more are refused with queue_full. Each keeps its input in Redis.',
    ),
  WORKER_LOST_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(24 * 3_600_000)
    .default(60_000)
    .describe(
      'How long a started job whose worker died waits while no worker serves its model, before it fails.',
    ),
});

export type JobsConfig = Readonly<z.output<typeof jobsConfigSchema>> & StoreAddress;

/** Where BullMQ finds the hub's Redis: from the slice of the store, which is part of the same object. */
export interface StoreAddress {
  readonly REDIS_URL: string;
  readonly KEY_PREFIX: string;
}

/** The slice of the configuration; see `ConfigSlice` of the platform. */
export const jobsSlice = {
  title: 'Jobs',
  token: JOBS_CONFIG,
  schema: jobsConfigSchema,
};
