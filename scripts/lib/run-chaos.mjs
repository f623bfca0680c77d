import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startGuardedChild } from './guarded-child.mjs';
import { rootDir } from './paths.mjs';

const stopGraceMs = 5000;
const restMs = 15 * 60_000;

/**
 * Runs test/chaos against a hub of its own; the clone is set up already.
 * @param {object} options
 * @param {readonly string[]} options.args what test/chaos/chaos.ts gets
 * @param {number} options.faultsMs how long faults are made; the run takes longer, but not for ever
 * @param {NodeJS.ProcessEnv} options.env with `STEPCAST_REDIS_BINARY`
 * @param {Promise<unknown>} options.stopping
 * @returns {Promise<number>} its exit code
 */
export async function runChaos({ args, faultsMs, env, stopping }) {
  const file = path.join(rootDir, 'test/chaos/chaos.ts');
  const chaos = await startGuardedChild(process.execPath, ['--import', 'tsx', file, ...args], {
    graceMs: stopGraceMs,
    cwd: rootDir,
    env,
  });
  const problem = await Promise.race([
    chaos.exited.then(() => undefined),
    stopping.then(() => 'was stopped'),
    sleep(faultsMs + restMs, 'did not end in time', { ref: false }),
  ]);
  if (problem === undefined) return chaos.exited;
  console.log(`chaos ${problem}`);
  await chaos.stop('SIGTERM');
  return 1;
}
