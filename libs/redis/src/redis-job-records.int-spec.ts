import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newJob } from '../../hub/testing/job-driver.js';
import { openTestStore, type TestStore } from '../testing/test-redis.js';
import { JobIndex } from './job-index.js';
import { RedisJobRecords } from './redis-job-records.js';
import { Scripts } from './scripts.js';

/** Another process sweeps right after the index was written for the first time. */
class SweptIndex extends JobIndex {
  #isSwept = false;

  override async opened(job: string): Promise<void> {
    await super.opened(job);
    if (this.#isSwept) return;
    this.#isSwept = true;
    await this.forget([job]);
  }
}

describe('RedisJobRecords', () => {
  let test: TestStore;
  beforeEach(async () => (test = await openTestStore()));
  afterEach(() => test.dispose());

  it('keeps a job listed and open that a sweep dropped before its record was written', async () => {
    const { admin, keys } = test;
    const index = new SweptIndex(admin, keys);
    const records = new RedisJobRecords(admin, keys, new Scripts(admin), index);
    const job = newJob();

    await admin.script('FLUSH');
    await expect(records.create(job)).resolves.toMatchObject({ created: true });

    expect((await records.list({ limit: 10 })).records.map(({ id }) => id)).toEqual([job.id]);
    expect(await records.open(10, 0)).toEqual([job.id]);
  });
});
