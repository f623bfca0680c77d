// The hub that is broken and mended: a cluster whose processes are killed and replaced.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';

import { persistentArgs } from '../../scripts/lib/redis-server.mjs';
import type { AppProcess } from '../support/app-process.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { children, descriptors, isAlive } from '../support/leaks.js';
import { startRedis, type PrivateRedis } from '../support/private-redis.js';
import { PowerCord } from './power-cord.js';

export type Kind = 'api' | 'gateway' | 'worker';

/** Redis went at this time, and what it had written so shortly before may be gone. */
export interface Crash {
  readonly at: number;
  readonly lostMs: number;
}

export const SLOTS = 2;

/** Shorter than the defaults, so that a short run sees many recoveries; nothing else differs. */
const env = {
  LOG_LEVEL: 'info',
  WORKER_SLOTS: String(SLOTS),
  ORT_THREADS: '1',
  JOB_LOCK_MS: '4000',
  JOB_LOCK_RENEW_MS: '1000',
  STALLED_INTERVAL_MS: '1000',
  KILL_AFTER_MS: '1500',
  DRAIN_TIMEOUT_MS: '8000',
  DRAIN_WINDOW_MS: '500',
};

/** From SIGTERM; more than DRAIN_TIMEOUT_MS, because the machine is busy. */
const STOP_DEADLINE_MS = 30_000;

export class World {
  readonly cluster: Cluster;
  readonly redis: PrivateRedis;
  readonly cord: PowerCord;
  /** For what the run itself asks of Redis; waits while Redis is away. */
  readonly admin: Redis;
  /** Processes that ended, or did not end, against the schedule. */
  readonly surprises: string[] = [];
  readonly crashes: Crash[] = [];
  /** Logs of processes that were replaced. */
  readonly oldLogs: { readonly name: string; readonly log: readonly string[] }[] = [];
  /** Descriptors of each process when it had just started. */
  readonly fresh = new Map<number, number>();
  readonly #dataDir: string;
  readonly #busy = new Set<AppProcess>();
  readonly #hosts = new Set<number>();

  private constructor(cluster: Cluster, redis: PrivateRedis, dataDir: string) {
    this.cluster = cluster;
    this.redis = redis;
    this.#dataDir = dataDir;
    this.cord = new PowerCord(dataDir);
    this.admin = new Redis(redis.url, { maxRetriesPerRequest: null });
    this.admin.on('error', () => undefined);
  }

  static async start(): Promise<World> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'stepcast-chaos-'));
    const redis = await startRedis({ dataDir, args: persistentArgs });
    const counts = { apis: 2, gateways: 2, workers: 2 };
    const cluster = await startCluster({ ...counts, redis, env, through: ['gateway', 'worker'] });
    const world = new World(cluster, redis, dataDir);
    for (const app of world.apps()) await world.#remember(app);
    return world;
  }

  list(kind: Kind): AppProcess[] {
    const { apis, gateways, workers } = this.cluster;
    return { api: apis, gateway: gateways, worker: workers }[kind];
  }

  apps(): AppProcess[] {
    return (['api', 'gateway', 'worker'] as const).flatMap((kind) => this.list(kind));
  }

  /** One that no fault has in hand; undefined when all are. */
  free(kind: Kind): AppProcess | undefined {
    return this.list(kind).find((app) => !this.#busy.has(app));
  }

  /** Keeps other faults away from a process until this one is over. */
  async reserve(app: AppProcess, fault: () => Promise<void>): Promise<void> {
    this.#busy.add(app);
    try {
      await fault();
    } finally {
      this.#busy.delete(app);
    }
  }

  /** Ends a process and starts another in its place; viewers keep the old address until then. */
  async replace(kind: Kind, app: AppProcess, signal: NodeJS.Signals): Promise<void> {
    await this.noteHosts();
    if (!isAlive(app.pid)) this.surprises.push(`${kind} ${app.pid} had ended by itself`);
    const ended = app.kill(signal).then(() => true);
    if (!(await Promise.race([ended, timer(STOP_DEADLINE_MS)]))) {
      this.surprises.push(`${kind} ${app.pid} did not end in ${STOP_DEADLINE_MS} ms of ${signal}`);
      await app.kill('SIGKILL');
    }
    this.oldLogs.push({ name: `${kind}-${app.pid}`, log: app.log });
    const next = await this.#start(kind);
    await this.#remember(next);
    const list = this.list(kind);
    list.splice(list.indexOf(next), 1);
    list[list.indexOf(app)] = next;
  }

  /** Prometheus text of the nth process of a kind. */
  async metrics(kind: Kind, index: number): Promise<string> {
    const url = this.list(kind)[index]?.url ?? '';
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return response.text();
  }

  /** What Redis holds of a job that does not end: record, index, queues. */
  async autopsy(job: string): Promise<string> {
    const { admin } = this;
    const { prefix } = this.cluster;
    const fields = ['status', 'attempt', 'worker', 'epoch', 'top', 'stopBy', 'end', 'server'];
    const values = await admin.hmget(`${prefix}:{${job}}:meta`, ...fields);
    const record = fields.map((field, index) => `${field}=${values[index] ?? '-'}`).join(' ');
    const isOpen = (await admin.zscore(`${prefix}:open`, job)) !== null;
    const isListed = (await admin.zscore(`${prefix}:jobs`, job)) !== null;
    const queued = await admin.keys(`${prefix}:queue:*${job}*`);
    const inQueue = queued.join(' ') || 'no queue';
    return `${record}; open: ${isOpen}, listed: ${isListed}, in ${inQueue}`;
  }

  /** Model hosts that live now; all that ever did are checked at the end. */
  async noteHosts(): Promise<number[]> {
    const lists = await Promise.all(
      this.list('worker').map(({ pid }) => children(pid).catch(() => [])),
    );
    for (const pid of lists.flat()) this.#hosts.add(pid);
    return lists.flat();
  }

  /** Hosts of workers that are no more. */
  async orphans(): Promise<number[]> {
    const current = await this.noteHosts();
    return [...this.#hosts].filter((pid) => isAlive(pid) && !current.includes(pid));
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    this.cord.stop();
    await this.cluster.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  /** Redis may be away for the whole of an attempt. */
  async #start(kind: Kind): Promise<AppProcess> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.cluster.add(kind);
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  async #remember(app: AppProcess): Promise<void> {
    this.fresh.set(app.pid, await descriptors(app.pid));
  }
}

function timer(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });
}
