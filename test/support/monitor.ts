// What clients ask of a Redis, as its MONITOR shows it: to count what a fault should cost.
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

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

/**
 * Watches from now on. By a socket of its own: the client library loses its count when commands are shown in
 * the same packet as the answer to MONITOR.
 */
export async function startMonitor(url: string): Promise<RedisMonitor> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const commands: MonitoredCommand[] = [];
  const lines = createInterface({ input: socket });
  const answered = once(lines, 'line');
  lines.on('line', (line) => {
    const command = parseCommand(line);
    if (command !== undefined) commands.push(command);
  });
  socket.write('MONITOR\r\n');
  await answered;
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
      lines.close();
      socket.destroy();
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

/** `+<seconds> [<db> <client>] "name" "arg" …`; undefined for what a script calls, and for the first answer. */
function parseCommand(line: string): MonitoredCommand | undefined {
  const head = /^\+([\d.]+) \[\d+ ([^\]]+)\]/.exec(line);
  if (head === null || head[2] === 'lua') return undefined;
  const words = [...line.slice(head[0].length).matchAll(/"((?:[^"\\]|\\.)*)"/g)];
  const [name = '', ...args] = words.map(([, word = '']) => unescape(word));
  return { atMs: Number(head[1]) * 1_000, name: name.toLowerCase(), args };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

function unescape(word: string): string {
  return word.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
