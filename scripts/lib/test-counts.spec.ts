import { describe, expect, it } from '@jest/globals';

import { countChaos, countTests, sumCounts } from './test-counts.mjs';

const results = (passed: number, failed = 0, unloadable = 0) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numRuntimeErrorTestSuites: unloadable,
  numTotalTests: passed + failed,
});
const run = { project: 'unit', exitCode: 0, isFiltered: false };

describe('countTests', () => {
  it('counts what jest counted', () => {
    expect(countTests({ ...run, results: results(7) })).toEqual({ passed: 7, failed: 0 });
    expect(countTests({ ...run, exitCode: 1, results: results(7, 2) })).toEqual({
      passed: 7,
      failed: 2,
    });
  });

  it.each([
    ['a file that could not be loaded', { exitCode: 1, results: results(7, 0, 1) }],
    ['a run that left no results', { exitCode: 0, results: undefined }],
    ['an exit code that the counts do not explain', { exitCode: 1, results: results(7) }],
    ['a project without a test', { exitCode: 0, results: results(0) }],
  ])('counts %s as a failure', (_name, outcome) => {
    expect(countTests({ ...run, ...outcome }).failed).toBe(1);
  });

  it('accepts a project without a test when only some were asked for', () => {
    const counts = countTests({ ...run, isFiltered: true, results: results(0) });

    expect(counts).toEqual({ passed: 0, failed: 0 });
  });
});

describe('countChaos', () => {
  it.each([
    [0, { passed: 1, failed: 0 }],
    [1, { passed: 0, failed: 1 }],
    [137, { passed: 0, failed: 1 }],
  ])('counts a run with exit code %d as one test', (exitCode, counts) => {
    expect(countChaos(exitCode)).toEqual(counts);
  });
});

describe('sumCounts', () => {
  it('adds the runs up', () => {
    const counts = [
      { passed: 7, failed: 0 },
      { passed: 3, failed: 2 },
    ];

    expect(sumCounts(counts)).toEqual({ passed: 10, failed: 2 });
  });

  it.each([[[]], [[{ passed: 0, failed: 0 }]]])('is a failure when nothing ran: %j', (counts) => {
    expect(sumCounts(counts).failed).toBe(1);
  });
});
