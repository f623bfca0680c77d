import { describe, expect, it } from '@jest/globals';

import { isLockfileIncomplete } from './ensure-dependencies.mjs';

describe('isLockfileIncomplete', () => {
  const output = 'npm error code EUSAGE\nnpm error Missing: @swc/core-darwin-arm64@ from lock file';

  it('knows an npm ci that misses packages in the lockfile', () => {
    expect(isLockfileIncomplete({ code: 1, output })).toBe(true);
  });

  it.each([
    { code: 0, output },
    { code: 1, output: 'npm error code ENOSPC' },
  ])('leaves %j to the reader', (result) => {
    expect(isLockfileIncomplete(result)).toBe(false);
  });
});
