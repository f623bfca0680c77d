import { describe } from '@jest/globals';
import { describeStoreContract } from '../../testing/store.contract.js';
import type { StoreUnderTest } from '../../testing/store-under-test.js';
import { MemoryStore } from './memory-store.js';

function makeStore(): Promise<StoreUnderTest> {
  let now = 1_763_712_000_000;
  const store = new MemoryStore({ now: () => now });
  const { writer, reader, records, leases, feed, signals, directory } = store;
  return Promise.resolve({
    ...{ writer, reader, records, leases, feed, signals, directory },
    elapse: (ms) => {
      now += ms;
      return Promise.resolve();
    },
    loseRecord: (job) => {
      store.loseJob(job);
      return Promise.resolve();
    },
    loseLog: (job) => {
      store.loseLog(job);
      return Promise.resolve();
    },
    lives: (job) => {
      const expiry = store.expiryOf(job);
      return Promise.resolve(expiry === undefined ? [] : [expiry - now]);
    },
    dispose: () => Promise.resolve(),
  });
}

describe('MemoryStore', () => {
  describeStoreContract(makeStore);
});
