// A Redis of one test or run, to kill, restart and look into. Knows nothing of jest.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { ensureRedisBinary } from '../../scripts/lib/redis-binary.mjs';
import { startRedisServer, throwawayArgs } from '../../scripts/lib/redis-server.mjs';

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server that runs now; a restart changes it. */
  readonly pid: number;
  /** Sends the signal and, unless the server goes on (SIGSTOP, SIGCONT), waits until it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data folder; ends it first when it still runs. */
  restart(): Promise<void>;
  /** Ends it and removes its data folder, unless the test brought its own. May be called twice. */
  stop(): Promise<void>;
}

export interface PrivateRedisOptions {
  /** An existing folder that outlives the server; by default a new one that does not. */
  readonly dataDir?: string;
  /** Further arguments of redis-server, such as `--appendonly yes`; the last of two equal ones wins. */
  readonly args?: readonly string[];
}

const running = new Set<PrivateRedis>();

/** Ends every server that still runs. */
export async function stopAllRedis(): Promise<void> {
  await Promise.all([...running].map((redis) => redis.stop()));
}

/** Starts a server that belongs to its caller. It keeps nothing on disk unless `args` say so. */
export async function startRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const binary = process.env['STEPCAST_REDIS_BINARY'] ?? (await ensureRedisBinary()).path;
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'stepcast-redis-')));
  const args = [...throwawayArgs, ...(options.args ?? [])];
  const start = (port?: number) => startRedisServer({ binary, dataDir, port, args });
  let server = await start();

  const redis: PrivateRedis = {
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid;
    },
    async kill(signal = 'SIGKILL') {
      process.kill(server.pid, signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await server.exited;
    },
    async restart() {
      await server.stop();
      server = await start(server.port);
    },
    async stop() {
      running.delete(redis);
      // Not SIGTERM, which a process under SIGSTOP does not take.
      await server.stop('SIGKILL');
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
  running.add(redis);
  return redis;
}
