#!/usr/bin/env node
// npm test [-- projects [-- jest arguments]]: all set-up, every test, and one line that counts them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import jestConfig from '../jest.config.mjs';
import { ensureRedisBinary } from './lib/redis-binary.mjs';
import { startRedisServer, throwawayArgs } from './lib/redis-server.mjs';
import { runJest } from './lib/run-jest.mjs';
import { setUp } from './lib/setup.mjs';
import { listenForStop } from './lib/stop-request.mjs';
import { runMain, Stop } from './lib/stop.mjs';
import { parseTestArguments } from './lib/test-arguments.mjs';
import { sumCounts } from './lib/test-counts.mjs';

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
  const { projects, jestArgs } = parseTestArguments(process.argv.slice(2), known);
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
  } finally {
    await redis.stop();
    await rm(tempDir, { recursive: true, force: true });
  }
}

/** @param {Record<string, string>} extra */
function testEnvironment(extra) {
  const own = Object.entries(process.env).filter(([name]) => !hubVariables.includes(name));
  return { ...Object.fromEntries(own), ...extra };
}
