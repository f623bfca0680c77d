import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { exists } from './build-inputs.mjs';
import { startGuardedChild } from './guarded-child.mjs';
import { rootDir } from './paths.mjs';
import { countTests } from './test-counts.mjs';

const deadlineMs = 20 * 60_000;
const exitDeadlineMs = 15_000;
const stopGraceMs = 5000;

/**
 * Tests that start whole processes take the cores from each other; those of faults mostly wait for locks,
 * leases and time-outs, and judge order rather than speed.
 */
const workersOf = (/** @type {string} */ project) =>
  project === 'e2e' ? '--runInBand' : '--maxWorkers=2';

/**
 * Runs one jest project and counts its tests from jest's own results.
 * @param {object} options
 * @param {string} options.project
 * @param {readonly string[]} options.jestArgs
 * @param {string} options.tempDir
 * @param {NodeJS.ProcessEnv} options.env
 * @param {Promise<unknown>} options.stopping
 */
export async function runJest({ project, jestArgs, tempDir, env, stopping }) {
  const resultsFile = path.join(tempDir, `${project}.json`);
  const args = [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    ...['node_modules/jest/bin/jest.js', '--selectProjects', project, workersOf(project)],
    ...['--testSequencer', './scripts/lib/longest-first.mjs'],
    ...['--json', '--outputFile', resultsFile, '--passWithNoTests', ...jestArgs],
  ];
  console.log();
  const jest = await startGuardedChild(process.execPath, args, {
    graceMs: stopGraceMs,
    cwd: rootDir,
    env,
  });
  const problem = await Promise.race([
    jest.exited.then(() => undefined),
    stopping.then(() => 'was stopped'),
    sleep(deadlineMs, `did not end in ${deadlineMs / 60_000} minutes`, { ref: false }),
    watchForHang(resultsFile),
  ]);
  if (problem !== undefined) console.log(`jest ${problem}`);
  const exitCode =
    problem === undefined ? await jest.exited : await jest.stop('SIGTERM').then(() => 1);
  const counts = countTests({
    project,
    exitCode,
    results: await readResults(resultsFile),
    isFiltered: jestArgs.length > 0,
  });
  if (counts.problem) console.log(counts.problem);
  return counts;
}

/**
 * An open handle keeps jest alive after its results are written: a leak, and so a failure.
 * @param {string} resultsFile
 */
async function watchForHang(resultsFile) {
  while (!(await exists(resultsFile))) await sleep(1000, undefined, { ref: false });
  return sleep(exitDeadlineMs, `did not exit in ${exitDeadlineMs / 1000} s after its last test`, {
    ref: false,
  });
}

/** @param {string} file */
async function readResults(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
