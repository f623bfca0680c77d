import type { JobRecord, WorkerDirectory, WorkerEntry } from '@stepcast/hub';
import type { Job } from '@stepcast/protocol';
import type { JobQueues } from './job-queues.js';

type QueuePlace = NonNullable<Job['queue']>;

/** Where waiting jobs stand in line, and when each will start if jobs take as long as they did lately. */
export class QueueEstimates {
  readonly #queues: Pick<JobQueues, 'positions'>;
  readonly #directory: WorkerDirectory;

  constructor(queues: Pick<JobQueues, 'positions'>, directory: WorkerDirectory) {
    this.#queues = queues;
    this.#directory = directory;
  }

  /** Places by job id; jobs that do not wait are left out. */
  async of(records: readonly JobRecord[]): Promise<Map<string, QueuePlace>> {
    const waiting = records.filter((record) => record.status === 'queued');
    if (waiting.length === 0) return new Map();
    const models = [...new Set(waiting.map((record) => record.model))];
    const [positions, workers, durations] = await Promise.all([
      this.#queues.positions(waiting),
      this.#directory.list(),
      Promise.all(models.map((model) => this.#directory.averageDurationMs(model))),
    ]);
    const averages = new Map(models.map((model, i) => [model, durations[i]]));
    return new Map(
      waiting.map((record, i) => {
        const position = positions[i] ?? 0;
        const serving = workers.filter((worker) => Object.hasOwn(worker.models, record.model));
        return [
          record.id,
          { position, etaMs: estimate(position, averages.get(record.model), serving) },
        ];
      }),
    );
  }
}

/**
 * Time until a slot is free for the job: jobs before it spread over all slots that may run them. null
 * when it cannot be known: nothing has been measured, or no worker lives.
 */
function estimate(
  position: number,
  averageMs: number | undefined,
  workers: readonly WorkerEntry[],
): number | null {
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const free = workers.reduce((sum, worker) => sum + Math.max(0, worker.slots - worker.busy), 0);
  if (averageMs === undefined || slots === 0) return null;
  return position < free ? 0 : Math.round((averageMs * (position - free + 1)) / slots);
}
