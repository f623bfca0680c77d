/**
 * @typedef {{ passed: number, failed: number, problem?: string }} TestCounts
 * @typedef {{ numPassedTests: number, numFailedTests: number, numRuntimeErrorTestSuites: number, numTotalTests: number }} JestResults
 */

/**
 * What one jest run amounts to. A run is a failure unless it proves otherwise: without results, with
 * a test file that could not be loaded, with an exit code that the counts do not explain, or without
 * a single test.
 * @param {{ project: string, exitCode: number, results: JestResults | undefined, isFiltered: boolean }} run
 *   `isFiltered`: someone asked for some tests only, and this project need not have one of them
 * @returns {TestCounts}
 */
export function countTests({ project, exitCode, results, isFiltered }) {
  if (!results) {
    return {
      passed: 0,
      failed: 1,
      problem: `jest left no results of ${project} (exit code ${exitCode})`,
    };
  }
  const passed = results.numPassedTests;
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  if (results.numTotalTests === 0 && failed === 0) {
    return isFiltered
      ? { passed, failed }
      : { passed, failed: 1, problem: `no test found in ${project}` };
  }
  if (failed === 0 && exitCode !== 0) {
    return { passed, failed: 1, problem: `jest ended ${project} with exit code ${exitCode}` };
  }
  return { passed, failed };
}

/**
 * A run of chaos is one test.
 * @param {number} exitCode
 * @returns {TestCounts}
 */
export function countChaos(exitCode) {
  return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/**
 * @param {readonly TestCounts[]} counts
 * @returns {{ passed: number, failed: number }}
 */
export function sumCounts(counts) {
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  // Nothing that ran is nothing that passed.
  return { passed, failed: passed + failed === 0 ? 1 : failed };
}
