// The hub of a file of trials: one cluster for the file, new workers for each test, and after each test a
// look at what is left.
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { Redis } from 'ioredis';

import type { AppProcess } from './app-process.js';
import { startCluster, type Cluster } from './cluster.js';
import { children, isAlive, keysWithoutExpiry } from './leaks.js';
import { baselineOf, expectNothingLeft, type Baseline } from './nothing-left.js';
import { FAULTY_MODELS, Trial, type TrialInput, type TrialOptions } from './trial.js';
import { waitFor } from './wait.js';

/** Death is noticed in 2 s. For tests in which a worker dies; where none does, the defaults are safer. */
export const QUICK_LOCKS = {
  JOB_LOCK_MS: '1800',
  JOB_LOCK_RENEW_MS: '300',
  STALLED_INTERVAL_MS: '250',
};

const WORKER_ENV = { MODELS_DIR: FAULTY_MODELS, KILL_AFTER_MS: '500', DRAIN_TIMEOUT_MS: '6000' };

export interface Trials {
  readonly cluster: Cluster;
  readonly redis: Redis;
  submit(input: TrialInput, options?: TrialOptions): Promise<Trial>;
  startWorker(env?: Readonly<Record<string, string>>): Promise<AppProcess>;
  /** Whether BullMQ knows the job. */
  isQueued(job: string): Promise<boolean>;
  /** Whether it waits out the pause before a retry. */
  isPaused(job: string): Promise<boolean>;
  /** Waits until the queue has forgotten the job: nobody will run it again. */
  leftQueue(job: string): Promise<void>;
  /** Waits until nothing is left of any viewer or job: for the last test. */
  expectNothingLeft(): Promise<void>;
}

/** To be called once, at the top of a file. */
export function useTrials(): Trials {
  let cluster: Cluster;
  let redis: Redis;
  let baseline: Baseline;
  const trials: Trial[] = [];

  const isQueued = async (job: string) => {
    const queue = `${cluster.prefix}:queue:faulty`;
    const places = [redis.lpos(`${queue}:active`, job), redis.lpos(`${queue}:wait`, job)];
    const lines = ['prioritized', 'delayed'].map((name) => redis.zscore(`${queue}:${name}`, job));
    const found = await Promise.all([...places, ...lines]);
    const known = await redis.exists(`${queue}:${job}`, `${queue}:${job}:lock`);
    return known > 0 || found.some((place) => place !== null);
  };

  beforeAll(async () => {
    cluster = await startCluster({ workers: 0, env: WORKER_ENV });
    redis = new Redis(cluster.redis.url, { retryStrategy: () => null });
    baseline = await baselineOf(cluster);
  }, 60_000);
  afterEach(async () => {
    const hosts = await hostsOf(cluster.workers, trials);
    await Promise.all(trials.splice(0).map((trial) => trial.forget()));
    await Promise.all(cluster.workers.splice(0).map((worker) => worker.kill('SIGKILL')));
    await waitFor(() => !hosts.some(isAlive), 15_000);
    const endless = await keysWithoutExpiry(redis, cluster.prefix);
    if (endless.length > 0) throw new Error(`keys that never end: ${endless.join(' ')}`);
  }, 30_000);
  afterAll(() => {
    redis.disconnect();
  });

  return {
    get cluster() {
      return cluster;
    },
    get redis() {
      return redis;
    },
    async submit(input, options) {
      const trial = await Trial.submit(cluster, input, options);
      trials.push(trial);
      return trial;
    },
    startWorker: (env = {}) => cluster.add('worker', env),
    isQueued,
    isPaused: async (job) =>
      (await redis.zscore(`${cluster.prefix}:queue:faulty:delayed`, job)) !== null,
    leftQueue: (job) => waitFor(async () => !(await isQueued(job)), 20_000),
    expectNothingLeft: () => expectNothingLeft(cluster, baseline),
  };
}

/** Every process that has run, or may run, a model. */
async function hostsOf(
  workers: readonly AppProcess[],
  trials: readonly Trial[],
): Promise<number[]> {
  const alive = workers.filter(({ pid }) => isAlive(pid));
  const current = await Promise.all(alive.map(({ pid }) => children(pid)));
  const journals = await Promise.all(trials.map((trial) => trial.journal()));
  return [...current.flat(), ...journals.flat().map(({ pid }) => pid)];
}
