// What must be as it was when every job of a cluster has ended and every viewer has left.
import { expect } from '@jest/globals';

import type { AppProcess } from './app-process.js';
import type { Cluster } from './cluster.js';
import { metric } from './insight.js';
import {
  children,
  descriptors,
  isAlive,
  keysOfQueuedJobs,
  keysWithoutExpiry,
  ownConnections,
  subscribedFeeds,
} from './leaks.js';
import { waitFor } from './wait.js';

/** By pid, of every process that lived. */
export interface Baseline {
  readonly descriptors: ReadonlyMap<number, number>;
  /** Model hosts of each worker. */
  readonly hosts: ReadonlyMap<number, readonly number[]>;
}

/** Files and connections that a process may have more than before: a retry, a rotation. */
const SPARE_DESCRIPTORS = 4;

/** Longest of: a lease, the linger of a channel, the warm start of a host; on a busy machine. */
const SETTLE_MS = 30_000;

/**
 * To be taken when each process has done once what makes it connect: a gateway connects to the queues with
 * its first submission, and stays connected. Processes started later are judged without one.
 */
export async function baselineOf(cluster: Cluster): Promise<Baseline> {
  const files = living(cluster).map(async (app) => [app.pid, await descriptorsOf(app)] as const);
  const hosts = cluster.workers
    .filter(({ pid }) => isAlive(pid))
    .map(async ({ pid }) => [pid, await children(pid)] as const);
  return {
    descriptors: new Map(await Promise.all(files)),
    hosts: new Map(await Promise.all(hosts)),
  };
}

/**
 * Waits until nothing is left of the jobs and viewers that there were, and fails with what is. All jobs
 * must have ended and all watchers have been stopped before. To be called in the last test of a file, or in
 * `afterEach`: an `afterAll` of the file comes behind that of cleanup.ts, when nothing runs any more.
 */
export async function expectNothingLeft(cluster: Cluster, baseline: Baseline): Promise<void> {
  const lists = await Promise.all(probes.map((probe) => settled(() => probe(cluster, baseline))));
  expect(lists.flat()).toEqual([]);
}

type Probe = (cluster: Cluster, baseline: Baseline) => Promise<string[]>;

const probes: readonly Probe[] = [gauges, feeds, hostsLeft, descriptorsLeft, keysLeft, queuesLeft];

/** Of what a probe finds, that which is still there at the deadline. */
async function settled(probe: () => Promise<string[]>): Promise<string[]> {
  let left: string[] = [];
  const isClean = async (): Promise<boolean> => {
    left = await probe().catch((error: unknown) => [`a probe failed: ${String(error)}`]);
    return left.length === 0;
  };
  await waitFor(isClean, SETTLE_MS).catch(() => undefined);
  return left;
}

function living({ apis, gateways, workers }: Cluster): AppProcess[] {
  return [...apis, ...gateways, ...workers].filter(({ pid }) => isAlive(pid));
}

/** Open files of a process, but for the other ends of what this process keeps open to it. */
async function descriptorsOf({ pid, url }: AppProcess): Promise<number> {
  return (await descriptors(pid)) - (await ownConnections(Number(new URL(url).port)));
}

async function gauges(cluster: Cluster): Promise<string[]> {
  const ofGateway = ['connections', 'channels', 'viewers', 'held_jobs', 'channel_memory_bytes'];
  const names = {
    gateway: ofGateway.map((name) => `stepcast_${name}`),
    worker: ['stepcast_worker_busy_slots'],
    api: [],
    standalone: [],
  };
  const found = living(cluster).flatMap((app) =>
    names[app.name].map(async (name) => {
      const value = await metric(app, name);
      return value === 0 ? [] : [`${app.name} ${app.pid}: ${name} is ${value}`];
    }),
  );
  return (await Promise.all(found)).flat();
}

async function feeds({ client, prefix }: Cluster): Promise<string[]> {
  return (await subscribedFeeds(client, prefix)).map((feed) => `subscribed: ${feed}`);
}

/** As many hosts as a worker had, and none without a worker. */
async function hostsLeft(_cluster: Cluster, { hosts }: Baseline): Promise<string[]> {
  const found = [...hosts].map(async ([pid, before]) => {
    if (!isAlive(pid))
      return before.filter(isAlive).map((host) => `host ${host} outlived worker ${pid}`);
    const now = await children(pid);
    if (now.length === before.length) return [];
    return [`worker ${pid} had ${before.length} hosts, now ${now.length}`];
  });
  return (await Promise.all(found)).flat();
}

async function descriptorsLeft(cluster: Cluster, baseline: Baseline): Promise<string[]> {
  const found = living(cluster).map(async (app) => {
    const before = baseline.descriptors.get(app.pid);
    const now = await descriptorsOf(app);
    if (before === undefined || now <= before + SPARE_DESCRIPTORS) return [];
    return [`${app.name} ${app.pid}: ${before} descriptors, now ${now}`];
  });
  return (await Promise.all(found)).flat();
}

/** Leases, and every key without an end. */
async function keysLeft({ client, prefix }: Cluster): Promise<string[]> {
  const leases = await client.keys(`${prefix}:*:holders`);
  const endless = await keysWithoutExpiry(client, prefix);
  return [
    ...leases.map((key) => `a lease: ${key}`),
    ...endless.map((key) => `without an end: ${key}`),
  ];
}

async function queuesLeft({ client, prefix }: Cluster): Promise<string[]> {
  return (await keysOfQueuedJobs(client, prefix)).map((key) => `in a queue: ${key}`);
}
