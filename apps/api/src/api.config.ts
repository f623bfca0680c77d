import { jobsSlice, modelsSlice } from '@stepcast/jobs';
import { httpSlice, platformSlice, type ConfigSlice } from '@stepcast/platform';
import { redisSlice } from '@stepcast/redis';

/** What the API reads; it has no variables of its own. */
export const apiSlices: readonly ConfigSlice[] = [
  platformSlice,
  httpSlice,
  redisSlice,
  jobsSlice,
  modelsSlice,
];
