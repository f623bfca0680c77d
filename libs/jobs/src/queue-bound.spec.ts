import { describe, expect, it } from '@jest/globals';
import { QueueBound } from './queue-bound.js';

function create(maxJobs: number) {
  const state = { depth: 0, reads: 0, now: 0 };
  const queues = {
    depths: () => {
      state.reads += 1;
      return Promise.resolve([state.depth]);
    },
  };
  return { state, bound: new QueueBound(queues, maxJobs, () => state.now) };
}

describe('QueueBound', () => {
  it('refuses the job that is one too many, and says what to do', async () => {
    const { state, bound } = create(3);
    state.depth = 2;
    await bound.take('sketch');

    const refused = bound.take('sketch');

    await expect(refused).rejects.toMatchObject({ code: 'queue_full' });
    await expect(refused).rejects.toThrow(/3 jobs of sketch.*MAX_QUEUED_JOBS.*start more workers/);
  });

  it('asks the queue now and then, not for each job', async () => {
    const { state, bound } = create(100);

    for (let job = 0; job < 50; job++) await bound.take('sketch');
    state.now = 249;
    await bound.take('sketch');
    expect(state.reads).toBe(1);

    state.now = 250;
    await bound.take('sketch');
    expect(state.reads).toBe(2);
  });

  it('lets jobs in again once some have been run, and counts each model by itself', async () => {
    const { state, bound } = create(1);
    await bound.take('sketch');
    await bound.take('writer');
    await expect(bound.take('sketch')).rejects.toThrow(/wait already/);

    state.now = 1_000;

    await expect(bound.take('sketch')).resolves.toBeUndefined();
  });
});
