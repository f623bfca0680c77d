#!/usr/bin/env node
// npm test [-- projects [-- jest arguments]]: all set-up, every test, a short chaos, and one line that
// counts them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import jestConfig from '../jest.config.mjs';
import { ensureRedisBinary } from './lib/redis-binary.mjs';
import { startRedisServer, throwawayArgs } from './lib/redis-server.mjs';
import { runChaos } from './lib/run-chaos.mjs';
import { runJest } from './lib/run-jest.mjs';
import { setUp } from './lib/setup.mjs';
import { listenForStop } from './lib/stop-request.mjs';
import { runMain, Stop } from './lib/stop.mjs';
import { parseTestArguments } from './lib/test-arguments.mjs';
import { countChaos, sumCounts } from './lib/test-counts.mjs';

/** What would make tests depend on the shell that they are started from, or write to its Redis. */
const hubVariables = [
  'REDIS_URL',
  'HOST',
  'PORT',
  'GRPC_PORT',
  'LOG_LEVEL',
  'LOG_FORMAT',
  'NODE_ENV',
];

const chaosSeconds = 30;

await runMain(async () => {
  /** @type {import('./lib/test-counts.mjs').TestCounts[]} */
  const counts = [];
  try {
    await setUp();
    await runAll(counts);
  } catch (error) {
    console.log(error instanceof Stop ? error.message : error);
    counts.push({ passed: 0, failed: 1 });
  }
  const { passed, failed } = sumCounts(counts);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});

/** @param {import('./lib/test-counts.mjs').TestCounts[]} counts filled project by project */
async function runAll(counts) {
  const known = jestConfig.projects.map(({ displayName }) => displayName);
  const { projects, jestArgs, withChaos } = parseTestArguments(process.argv.slice(2), known);
  const binary = await ensureRedisBinary();
  const stop = listenForStop();
  let isStopped = false;
  void stop.requested.then(() => (isStopped = true));

  const tempDir = await mkdtemp(path.join(tmpdir(), 'stepcast-test-'));
  const dataDir = path.join(tempDir, 'redis');
  await mkdir(dataDir);
  const redis = await startRedisServer({ binary: binary.path, dataDir, args: throwawayArgs });
  try {
    const env = testEnvironment({ TEST_REDIS_URL: redis.url, STEPCAST_REDIS_BINARY: binary.path });
    for (const project of projects) {
      if (isStopped) throw new Stop(`stopped by ${await stop.requested}`);
      counts.push(await runJest({ project, jestArgs, tempDir, env, stopping: stop.requested }));
    }
    if (withChaos && isStopped) throw new Stop(`stopped by ${await stop.requested}`);
    if (withChaos) counts.push(countChaos(await shortChaos(env, stop.requested)));
  } finally {
    await redis.stop();
    await rm(tempDir, { recursive: true, force: true });
  }
}

/**
 * Another seed each time: what one run misses another finds, and the seed is in its first line.
 * @param {NodeJS.ProcessEnv} env
 * @param {Promise<unknown>} stopping
 */
function shortChaos(env, stopping) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const args = [`--seconds=${chaosSeconds}`, `--seed=${seed}`];
  console.log();
  return runChaos({ args, faultsMs: chaosSeconds * 1000, env, stopping });
}

/** @param {Record<string, string>} extra */
function testEnvironment(extra) {
  const own = Object.entries(process.env).filter(([name]) => !hubVariables.includes(name));
  return { ...Object.fromEntries(own), ...extra };
}
