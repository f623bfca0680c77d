import type { ModelRunner, RunOutcome } from '@stepcast/models';

export interface JobOptions {
  /** What an earlier run of the job saved. */
  readonly saved?: string | undefined;
  /** Hears of each event, once it is among {@link StartedJob.events}. */
  readonly onEvent?: (job: StartedJob) => void;
}

/** A job in a runner, seen from where its events go. */
export interface StartedJob {
  readonly events: { readonly type: string; readonly data: unknown }[];
  readonly checkpoints: string[];
  readonly log: string[];
  readonly outcome: Promise<RunOutcome>;
  abort(): void;
}

/** Starts a job, for tests of models in their runner. */
export function startJob(
  runner: ModelRunner,
  input: unknown,
  { saved, onEvent }: JobOptions = {},
): StartedJob {
  const controller = new AbortController();
  const order = { job: 'job', attempt: saved === undefined ? 1 : 2, input, saved };
  const heard = { events: [], checkpoints: [], log: [] } as Pick<
    StartedJob,
    'events' | 'checkpoints' | 'log'
  >;
  const outcome = Promise.resolve().then(() =>
    runner.run(order, {
      signal: controller.signal,
      emit: ({ type, json }) => {
        heard.events.push({ type, data: JSON.parse(json) });
        onEvent?.(job);
      },
      checkpoint: (data) => void heard.checkpoints.push(data),
      log: (_level, message) => void heard.log.push(message),
    }),
  );
  const job: StartedJob = {
    ...heard,
    outcome,
    abort: () => {
      controller.abort();
    },
  };
  return job;
}

/** The output of a job that must be done. */
export async function outputOf({ outcome }: StartedJob): Promise<unknown> {
  const ended = await outcome;
  if (ended.kind !== 'done') throw new Error(`not done: ${JSON.stringify(ended)}`);
  return JSON.parse(ended.output);
}

/** Waits for jobs, and for those that are added while these run. */
export async function allEnded(jobs: readonly StartedJob[]): Promise<void> {
  for (const { outcome } of jobs) await outcome;
}
