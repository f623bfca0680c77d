import { describe, expect, it } from '@jest/globals';

import { workerConfigSchema } from './worker.config.js';

const refused = (env: Record<string, string>): string[] =>
  workerConfigSchema.safeParse(env).error?.issues.map(({ path }) => path.join('.')) ?? [];

describe('workerConfigSchema', () => {
  it('takes its own defaults', () => {
    expect(refused({})).toEqual([]);
  });

  it('refuses locks that one late renewal would lose', () => {
    expect(refused({ JOB_LOCK_MS: '9000', JOB_LOCK_RENEW_MS: '4600' })).toContain(
      'JOB_LOCK_RENEW_MS',
    );
  });

  it('refuses looks so rare that locks run out before an absence of Redis is noticed', () => {
    expect(refused({ STALLED_INTERVAL_MS: '2001' })).toEqual(['STALLED_INTERVAL_MS']);
    expect(refused({ STALLED_INTERVAL_MS: '2000' })).toEqual([]);
  });
});
