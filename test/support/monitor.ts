// What clients ask of a Redis, as its MONITOR shows it: to count what a fault should cost.
import { Redis } from 'ioredis';

/** One command of a client; what scripts call inside is left out. */
export interface MonitoredCommand {
  /** By the clock of Redis, in ms. */
  readonly atMs: number;
  /** In lower case. */
  readonly name: string;
  readonly args: readonly string[];
}

export interface RedisMonitor {
  readonly commands: readonly MonitoredCommand[];
  /** SUBSCRIBEs that name the channel. */
  subscribes(channel: string): MonitoredCommand[];
  /** Reads of the log whose record is at `meta`; `after` is the seq behind which each begins. */
  reads(meta: string): (MonitoredCommand & { readonly after: number })[];
  stop(): void;
}

const running = new Set<RedisMonitor>();

export function stopAllMonitors(): void {
  for (const monitor of running) monitor.stop();
}

/** Watches from now on. */
export async function startMonitor(url: string): Promise<RedisMonitor> {
  const redis = new Redis(url);
  const commands: MonitoredCommand[] = [];
  const monitor = await redis.monitor();
  monitor.on('error', () => undefined);
  monitor.on('monitor', (time: string, [name = '', ...args]: string[], source: string) => {
    if (source === 'lua') return;
    commands.push({ atMs: Number(time) * 1_000, name: name.toLowerCase(), args });
  });
  const self: RedisMonitor = {
    commands,
    subscribes: (channel) =>
      commands.filter(({ name, args }) => name === 'subscribe' && args.includes(channel)),
    reads: (meta) =>
      commands
        .filter((command) => isRead(command, meta))
        .map((command) => ({
          ...command,
          after: Number(command.args[5]),
        })),
    stop: () => {
      running.delete(self);
      monitor.disconnect();
      redis.disconnect();
    },
  };
  running.add(self);
  return self;
}

/** lua/read-3.lua: script, 3, meta, log, snapshot, then seq, limits and the fields of the record. */
function isRead({ name, args }: MonitoredCommand, meta: string): boolean {
  const [, keys, first] = args;
  const fields = args.slice(8);
  return name.startsWith('eval') && keys === '3' && first === meta && fields.includes('status');
}
