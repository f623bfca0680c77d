import { describe } from '@jest/globals';
import { describeStoreContract } from '../../hub/testing/store.contract.js';
import { makeRedisStore } from '../testing/test-redis.js';

describe('RedisStore', () => {
  describeStoreContract(makeRedisStore);
});
