// What must be back to its baseline when nothing runs any more.
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Redis } from 'ioredis';

/** Open file descriptors of a process. */
export async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/**
 * Connections to a port that this very process has open, mostly idle ones which `fetch` keeps for its next
 * request: the other side of each is no leak.
 */
export async function ownConnections(port: number): Promise<number> {
  const links = (await readdir('/proc/self/fd')).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ''),
  );
  const own = new Set(await Promise.all(links));
  const hexPort = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = (await readFile('/proc/self/net/tcp', 'utf8')).split('\n').slice(1);
  return lines.filter((line) => {
    const [, , remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
    return remote.endsWith(hexPort) && own.has(`socket:[${inode}]`);
  }).length;
}

/** Pids of the children of a process: model hosts of a worker. */
export async function children(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Whether a process runs. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024;
}

/** Time that a process and the children it has waited for have spent on a CPU, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  const TICKS_PER_SECOND = 100;
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Pub/sub channels of jobs that somebody is subscribed to. */
export async function subscribedFeeds(redis: Redis, prefix: string): Promise<string[]> {
  return (await redis.pubsub('CHANNELS', `${prefix}:*:feed`)) as string[];
}

/** Keys that would stay for ever, but those of the queues, which are BullMQ's. */
export async function keysWithoutExpiry(redis: Redis, prefix: string): Promise<string[]> {
  const keys = (await redis.keys(`${prefix}:*`)).filter((key) => !key.includes(':queue:'));
  const lifetimes = await Promise.all(keys.map((key) => redis.pttl(key)));
  return keys.filter((_key, index) => lifetimes[index] === -1);
}

const OF_JOBS_IN_QUEUES =
  /:(wait|active|delayed|prioritized|failed|completed|[0-9a-f-]{36}(:.*)?)$/;

/** Keys of jobs that a queue still knows, in whatever state. */
export async function keysOfQueuedJobs(redis: Redis, prefix: string): Promise<string[]> {
  return (await redis.keys(`${prefix}:queue:*`)).filter((key) => OF_JOBS_IN_QUEUES.test(key));
}
