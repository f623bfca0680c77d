import { StepcastError } from '@stepcast/protocol';

/** Where {@link LostJobs} is injected. */
export const LOST_JOBS = Symbol('LostJobs');

/**
 * - `unknown`: it never was, or its retention has ended
 * - `coming back`: the store has just lost its memory; if a worker runs the job, it brings it back
 * - `lost`: the store has lost it, and nobody brought it back
 */
export type Fate = 'unknown' | 'coming back' | 'lost';

/** Tells a job that the store has lost from one that never was. */
export interface LostJobs {
  /**
   * What has become of a job of which the store knows nothing. Its id tells when it was made, so nothing
   * has to be kept of what was lost.
   */
  fateOf(job: string): Fate;
}

/** What to answer for a job of which the store knows nothing. */
export function missingJob(job: string, lost?: LostJobs): StepcastError {
  switch (lost?.fateOf(job)) {
    case 'lost':
      return new StepcastError('job_gone', 'Redis has lost the job: submit it again.');
    case 'coming back':
      return new StepcastError('unavailable', 'Redis has lost its memory: jobs come back.');
    default:
      return new StepcastError('job_not_found');
  }
}
