/**
 * Interest in jobs, kept where it survives the process that has it: a lease per gateway and job, with
 * an expiry by the clock of the store. A job whose last lease ended, by release or by expiry, is idle
 * from that moment on; the worker that runs it decides by the job's policy.
 */
export const LEASES = Symbol('Leases');

export interface Leases {
  /** This gateway has holders of the job. The lease ends `lifetimeMs` from now unless refreshed. */
  hold(job: string, gateway: string, lifetimeMs: number): Promise<void>;

  /** Extends the leases of many jobs in one round trip. */
  refresh(jobs: readonly string[], gateway: string, lifetimeMs: number): Promise<void>;

  /** The last holder here has left. If no other gateway holds the job, this is the moment it counts from. */
  release(job: string, gateway: string): Promise<void>;
}
