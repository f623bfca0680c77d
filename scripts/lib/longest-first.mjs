import path from 'node:path';

import TestSequencer from '@jest/test-sequencer';

/** Files that wait longer than their size tells; one that began last would keep a core idle at the end. */
const longFiles = ['redis.fault-spec.ts', 'proxy.fault-spec.ts'];

/**
 * Order of test files. jest's own goes by the time that each took last, in a fresh clone by its size; before
 * both come the files of which that says too little.
 */
export default class LongestFirst extends TestSequencer {
  /** @param {import('@jest/test-result').Test[]} tests */
  sort(tests) {
    const isShort = (/** @type {import('@jest/test-result').Test} */ { path: file }) =>
      Number(!longFiles.includes(path.basename(file)));
    return super.sort(tests).toSorted((a, b) => isShort(a) - isShort(b));
  }
}
