import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { waitForRedis } from './ask-redis.mjs';
import { lastLines } from './command.mjs';
import { findFreePort } from './free-port.mjs';
import { startGuardedChild } from './guarded-child.mjs';
import { Stop } from './stop.mjs';

const host = '127.0.0.1';
const loadDeadlineMs = 60_000;
const stopGraceMs = 10_000;
const portAttempts = 5;

/** The hub's own server: what it acknowledges is on disk within a second, and it never evicts. */
export const persistentArgs = [
  ...['--appendonly', 'yes'],
  ...['--appendfsync', 'everysec'],
  ...['--maxmemory-policy', 'noeviction'],
];

/** A server that lives as long as a test run. */
export const throwawayArgs = ['--appendonly', 'no', '--enable-debug-command', 'yes'];

/**
 * @typedef {object} RedisServer
 * @property {string} url
 * @property {number} port
 * @property {number} pid of the server itself
 * @property {Promise<number>} exited
 * @property {(signal?: NodeJS.Signals) => Promise<number>} stop by SIGTERM, so that it writes what it holds
 */

/**
 * Starts a private server on a loopback port and waits until it answers. It ends with this process.
 * @param {{ binary: string, dataDir: string, port?: number | undefined, args?: readonly string[] }} options
 *   `dataDir` exists and belongs to this server alone; `port` is a free one when it is not given
 * @returns {Promise<RedisServer>}
 */
export async function startRedisServer(options) {
  const logFile = path.join(options.dataDir, 'redis.log');
  const attempts = options.port === undefined ? portAttempts : 1;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const port = options.port ?? (await findFreePort(host));
    await writeFile(logFile, '');
    const server = await tryStart({ ...options, port, logFile });
    if (server) return server;
  }
  const log = await readFile(logFile, 'utf8').catch(() => '');
  throw new Stop(`${lastLines(log, 10)}\n\n${options.binary} did not start; its log is ${logFile}`);
}

/**
 * @param {{ binary: string, dataDir: string, port: number, logFile: string, args?: readonly string[] }} options
 * @returns {Promise<RedisServer | undefined>} undefined when it did not come up, as when the port is taken
 */
async function tryStart({ binary, dataDir, port, logFile, args = [] }) {
  const placement = [
    ...['--port', String(port), '--bind', host, '--protected-mode', 'yes'],
    ...['--dir', dataDir, '--logfile', logFile, '--daemonize', 'no', '--save', ''],
  ];
  const child = await startGuardedChild(binary, [...placement, ...args], { graceMs: stopGraceMs });
  let hasEnded = false;
  void child.exited.then(() => (hasEnded = true));

  const url = `redis://${host}:${port}`;
  const answer = await waitForRedis(url, loadDeadlineMs, () => hasEnded).catch(() => undefined);
  // Another server may have taken the port in between, and answers in our server's place.
  if (answer?.pid !== child.pid) {
    await child.stop('SIGTERM');
    return undefined;
  }
  return {
    url,
    port,
    pid: child.pid,
    exited: child.exited,
    stop: (signal = 'SIGTERM') => child.stop(signal),
  };
}
