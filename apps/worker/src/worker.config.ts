import { jobsSlice, modelsSlice } from '@stepcast/jobs';
import { httpSlice, platformSlice, type ConfigSlice } from '@stepcast/platform';
import { redisSlice } from '@stepcast/redis';
import * as z from 'zod';

/** Where {@link WorkerConfig} is injected. */
export const WORKER_CONFIG = Symbol('WorkerConfig');

const milliseconds = (fallback: number, max = 3_600_000) =>
  z.coerce.number().int().min(1).max(max).default(fallback);

export const workerConfigSchema = z
  .object({
    WORKER_SLOTS: z.coerce
      .number()
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Jobs that the worker runs at a time, each in a model host of its own.'),
    EXECUTION_PROVIDERS: z
      .string()
      .default('cpu')
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(
        z
          .array(z.enum(['cuda', 'webgpu', 'coreml', 'dml', 'cpu']))
          .min(1, 'name at least one execution provider'),
      )
      .describe('Where models run, in order of preference; one that is missing falls to the next.')
      .meta({ example: 'cuda,webgpu,cpu' }),
    ORT_THREADS: z.coerce
      .number()
      .int()
      .min(0)
      .max(1_024)
      .default(0)
      .describe('Threads of one model on the CPU; 0 = one per core.'),
    MAX_BATCH_SIZE: z.coerce
      .number()
      .int()
      .min(0)
      .max(1_024)
      .default(0)
      .describe(
        'Most jobs that one model host runs together, whatever the model allows; 1 = no batching, 0 = as the model says.',
      ),
    KILL_AFTER_MS: milliseconds(5_000).describe(
      'How long a job that is to stop may go on before its model host is killed; one and a half of its longest steps, to 60 s, if that is longer.',
    ),
    HOST_START_TIMEOUT_MS: milliseconds(180_000).describe(
      'How long a model host may take to load all models.',
    ),
    LOG_MAX_EVENTS: z.coerce
      .number()
      .int()
      .min(100)
      .max(1_000_000)
      .default(5_000)
      .describe('Events of a running job after which a snapshot replaces the older ones.'),
    JOB_LOCK_MS: milliseconds(7_000).describe(
      'How long a job stays with a worker that says nothing; then another takes it. Less the renewal it must outlast any pause of Redis: by default 6 s are left at every moment, for a Redis that stands still for 5 s.',
    ),
    JOB_LOCK_RENEW_MS: milliseconds(1_000).describe('How often a worker says that it lives.'),
    STALLED_INTERVAL_MS: milliseconds(1_000).describe(
      'How often jobs of dead workers are looked for: one look by one worker per queue, whatever their number.',
    ),
    MAX_STALLED_COUNT: z.coerce
      .number()
      .int()
      .min(0)
      .max(100)
      .default(2)
      .describe('How many dead workers a job survives; with one more it fails with worker_lost.'),
  })
  .refine((config) => config.JOB_LOCK_RENEW_MS * 2 <= config.JOB_LOCK_MS, {
    path: ['JOB_LOCK_RENEW_MS'],
    error: 'must be at most half of JOB_LOCK_MS, so that one lost renewal does not lose the job',
  })
  .refine(
    (config) => config.STALLED_INTERVAL_MS * 3 <= config.JOB_LOCK_MS - config.JOB_LOCK_RENEW_MS,
    {
      path: ['STALLED_INTERVAL_MS'],
      error:
        'must be at most a third of JOB_LOCK_MS less JOB_LOCK_RENEW_MS: three missed looks are how an absence of Redis is known before locks run out',
    },
  );

export type WorkerConfig = Readonly<z.output<typeof workerConfigSchema>>;

export const workerSlice = {
  title: 'Worker',
  token: WORKER_CONFIG,
  schema: workerConfigSchema,
} satisfies ConfigSlice;

/** Everything that a worker process reads. */
export const workerSlices: readonly ConfigSlice[] = [
  platformSlice,
  httpSlice,
  redisSlice,
  jobsSlice,
  modelsSlice,
  workerSlice,
];
