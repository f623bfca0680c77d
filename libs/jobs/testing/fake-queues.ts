import type { QueuedJob } from '../src/job-queues.js';

/** Queues in memory: which jobs are in line, and what was asked. */
export class FakeQueues {
  readonly jobs = new Set<string>();
  /** Jobs whose pause was ended, as often as it was. */
  readonly resumed: string[] = [];
  /** Set to make the next `add` fail, as a Redis that is away does. */
  failure: Error | undefined;

  add(job: QueuedJob): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.jobs.add(job.id);
    return Promise.resolve();
  }

  remove(job: QueuedJob): Promise<boolean> {
    return Promise.resolve(this.jobs.delete(job.id));
  }

  endPause(job: QueuedJob): Promise<void> {
    this.resumed.push(job.id);
    return Promise.resolve();
  }

  depths(models: readonly string[]): Promise<number[]> {
    return Promise.resolve(models.map(() => this.jobs.size));
  }

  contains(jobs: readonly QueuedJob[]): Promise<boolean[]> {
    return Promise.resolve(jobs.map((job) => this.jobs.has(job.id)));
  }

  positions(jobs: readonly QueuedJob[]): Promise<number[]> {
    const order = [...this.jobs];
    return Promise.resolve(jobs.map((job) => Math.max(0, order.indexOf(job.id))));
  }
}
