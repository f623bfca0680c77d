// What must be gone when nothing runs any more.
import {
  children,
  descriptors,
  isAlive,
  keysOfQueuedJobs,
  keysWithoutExpiry,
  subscribedFeeds,
} from '../support/leaks.js';
import { waitFor } from '../support/wait.js';
import { SLOTS, type Kind, type World } from './world.js';

/** Longest of: a lease, the window of a lazy unsubscribe, connections that nobody uses any more. */
const SETTLE_MS = 30_000;

/** Connections that a process opens with its first job, and that stay. */
const STEADY_DESCRIPTORS = 12;

type Probe = (world: World) => Promise<string[]>;

/** Waits until there are none, and says which are still there when there are. */
export async function leftovers(world: World): Promise<string[]> {
  const found: string[] = [];
  for (const probe of probes) {
    let left: string[] = [];
    await waitFor(async () => {
      left = await probe(world);
      return left.length === 0;
    }, SETTLE_MS).catch(() => found.push(...(left.length > 0 ? left : ['a probe got no answer'])));
  }
  return found;
}

const probes: readonly Probe[] = [
  (world) => gauges(world, 'gateway', 'stepcast_(connections|channels|viewers|held_jobs)'),
  (world) => gauges(world, 'worker', 'stepcast_worker_busy_slots'),
  async ({ admin, cluster }) =>
    (await subscribedFeeds(admin, cluster.prefix)).map((feed) => `subscription of ${feed}`),
  async (world) => (await world.orphans()).map((pid) => `model host ${pid} without a worker`),
  async (world) => {
    const counts = await Promise.all(world.list('worker').map(({ pid }) => children(pid)));
    return counts
      .filter(({ length }) => length !== SLOTS)
      .map((pids) => `hosts: ${pids.join(' ')}`);
  },
  (world) => Promise.resolve(deadApps(world)),
  descriptorsOverFresh,
  async ({ admin, cluster }) =>
    (await keysWithoutExpiry(admin, cluster.prefix)).map((key) => `no expiry: ${key}`),
  async ({ admin, cluster }) =>
    (await keysOfQueuedJobs(admin, cluster.prefix)).map((key) => `still in a queue: ${key}`),
];

function deadApps(world: World): string[] {
  return world.apps().flatMap(({ name, pid }) => (isAlive(pid) ? [] : [`${name} ${pid} is dead`]));
}

async function gauges(world: World, kind: Kind, pattern: string): Promise<string[]> {
  const lists = await Promise.all(
    world.list(kind).map(async ({ pid }, index) => {
      const text = await world.metrics(kind, index);
      return [...text.matchAll(new RegExp(`^${pattern}(?:{.*})? (\\S+)$`, 'gm'))]
        .filter((match) => Number(match.at(-1)) !== 0)
        .map(([line]) => `${kind} ${pid}: ${line}`);
    }),
  );
  return lists.flat();
}

async function descriptorsOverFresh(world: World): Promise<string[]> {
  const lists = await Promise.all(
    world.apps().map(async ({ name, pid }) => {
      const before = world.fresh.get(pid) ?? 0;
      const now = await descriptors(pid);
      return now > before + STEADY_DESCRIPTORS
        ? [`${name} ${pid}: ${before} → ${now} descriptors`]
        : [];
    }),
  );
  return lists.flat();
}
