import { StepcastError } from '@stepcast/protocol';
import type { JobQueues } from './job-queues.js';

/** How long a depth that was read is trusted. In between, what is submitted here is added to it. */
const TRUSTED_MS = 250;

interface Depth {
  jobs: number;
  readonly readAt: number;
}

/**
 * Refuses jobs when too many of their model wait already. The depth is read now and then rather than
 * for each job, so that a queue may grow beyond its bound by what all processes submit in 250 ms.
 */
export class QueueBound {
  readonly #queues: Pick<JobQueues, 'depths'>;
  readonly #maxJobs: number;
  readonly #now: () => number;
  readonly #depths = new Map<string, Depth>();

  /** @param maxJobs waiting jobs of one model */
  constructor(queues: Pick<JobQueues, 'depths'>, maxJobs: number, now = () => performance.now()) {
    this.#queues = queues;
    this.#maxJobs = maxJobs;
    this.#now = now;
  }

  /** @throws {StepcastError} `queue_full`; `unavailable` */
  async take(model: string): Promise<void> {
    const depth = await this.#depthOf(model);
    if (depth.jobs >= this.#maxJobs) {
      throw new StepcastError(
        'queue_full',
        `${depth.jobs} jobs of ${model} wait already, and at most ${this.#maxJobs} may (MAX_QUEUED_JOBS); ` +
          'submit again when some have been run, or start more workers.',
      );
    }
    depth.jobs += 1;
  }

  async #depthOf(model: string): Promise<Depth> {
    const known = this.#depths.get(model);
    if (known !== undefined && this.#now() - known.readAt < TRUSTED_MS) return known;
    const [jobs = 0] = await this.#queues.depths([model]);
    const depth = { jobs, readAt: this.#now() };
    this.#depths.set(model, depth);
    return depth;
  }
}
