import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { withLock } from './folder-lock.mjs';
import { chooseGrpcPort, choosePort } from './free-port.mjs';
import { startGuardedChild } from './guarded-child.mjs';
import { baseUrl } from './hub-address.mjs';
import { rootDir } from './paths.mjs';
import { Stop } from './stop.mjs';

const drainDeadlineMs = 30_000;
const readyDeadlineMs = 60_000;
const pollMs = 100;
const pollTimeoutMs = 2000;

/**
 * Starts the hub on a port that it has for itself and waits until it is ready. The lock spans all
 * clones of this user: between the choice of a free port and the hub's listening on it, another start
 * would choose the same port, and would take this hub's answers for its own.
 * @param {{ redisUrl: string, stopping: Promise<unknown> }} options `stopping` ends the waiting
 */
export function startHub({ redisUrl, stopping }) {
  const folder = path.join(tmpdir(), `stepcast-start-${userInfo().uid}.lock`);
  const lock = { folder, deadlineMs: 2 * readyDeadlineMs };
  return withLock(lock, async () => {
    const host = process.env['HOST'] || '127.0.0.1';
    const asked = process.env['PORT'];
    const port = await choosePort({ asked, host });
    if (!asked && port !== 3000) console.log(`port 3000 is taken, so the hub takes ${port}`);

    const url = baseUrl(host, port);
    const grpcPort = await chooseGrpcPort({ asked: process.env['GRPC_PORT'], host });
    const child = await startGuardedChild(process.execPath, ['apps/standalone/dist/main.js'], {
      graceMs: drainDeadlineMs,
      cwd: rootDir,
      env: hubEnvironment({ redisUrl, host, port, grpcPort }),
    });
    const ended = Promise.race([child.exited.then(describeExit), stopping.then(() => ({}))]);
    const isReady = await waitUntilReady(url, ended).catch(async (error) => {
      await child.stop('SIGTERM');
      throw error;
    });
    return { url, grpcUrl: baseUrl(host, grpcPort), child, isReady };
  });
}

/** @param {{ redisUrl: string, host: string, port: number, grpcPort: number }} options */
function hubEnvironment({ redisUrl, host, port, grpcPort }) {
  const { LOG_LEVEL: level, LOG_FORMAT: format } = process.env;
  return {
    ...process.env,
    REDIS_URL: redisUrl,
    HOST: host,
    PORT: String(port),
    GRPC_PORT: String(grpcPort),
    // Quiet, so that the address stays the last thing in the terminal.
    LOG_LEVEL: level || 'warn',
    LOG_FORMAT: format || (process.stdout.isTTY ? 'pretty' : 'json'),
  };
}

/** @param {number} code */
function describeExit(code) {
  return {
    failure: `The hub ended before it was ready (exit code ${code}); its last words are above.`,
  };
}

/**
 * @param {string} url
 * @param {Promise<{ failure?: string }>} ended resolves when waiting has no purpose any more
 * @returns {Promise<boolean>} false when it was asked to stop before it was ready
 */
async function waitUntilReady(url, ended) {
  const giveUpAt = Date.now() + readyDeadlineMs;
  /** @type {{ failure?: string } | undefined} */
  let end;
  void ended.then((value) => (end = value));
  for (; !end; await Promise.race([sleep(pollMs), ended])) {
    const answer = await askReady(url);
    if (answer === 'ready') return true;
    if (Date.now() > giveUpAt) {
      throw new Stop(
        `The hub was not ready after ${readyDeadlineMs / 1000} s. ${url}/health/ready says: ${answer}`,
      );
    }
  }
  if (end.failure) throw new Stop(end.failure);
  return false;
}

/** @param {string} url */
async function askReady(url) {
  try {
    const response = await fetch(`${url}/health/ready`, {
      signal: AbortSignal.timeout(pollTimeoutMs),
    });
    return response.status === 200 ? 'ready' : `${response.status} ${await response.text()}`;
  } catch (error) {
    return String(error instanceof Error ? (error.cause ?? error) : error);
  }
}
