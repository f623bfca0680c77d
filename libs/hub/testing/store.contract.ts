import { describeCheckpointsContract } from './checkpoints.contract.js';
import { describeJobLogContract } from './job-log.contract.js';
import { describeJobRecordsContract } from './job-records.contract.js';
import { describeLeasesContract } from './leases.contract.js';
import { describeLogBoundsContract } from './log-bounds.contract.js';
import { describeLogFeedContract } from './log-feed.contract.js';
import { describeLogLossContract } from './log-loss.contract.js';
import type { MakeStore } from './store-under-test.js';
import { describeWorkersContract } from './workers.contract.js';

/** Every suite: what a store must pass to be one. */
export function describeStoreContract(makeStore: MakeStore): void {
  describeJobLogContract(makeStore);
  describeLogLossContract(makeStore);
  describeLogBoundsContract(makeStore);
  describeCheckpointsContract(makeStore);
  describeLogFeedContract(makeStore);
  describeLeasesContract(makeStore);
  describeJobRecordsContract(makeStore);
  describeWorkersContract(makeStore);
}
