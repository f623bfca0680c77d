import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '@stepcast/hub';
import { completeOptions, jobOptionsSchema } from '@stepcast/protocol';
import { JobEnds } from './job-ends.js';

const options = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });
const never = new AbortController().signal;

async function createEnds() {
  const store = new MemoryStore({ now: () => 1_000 });
  const calls: string[] = [];
  const feed = {
    subscribe: (...args: Parameters<typeof store.feed.subscribe>) => {
      calls.push('subscribe');
      return store.feed.subscribe(...args);
    },
    unsubscribe: (job: string) => {
      calls.push('unsubscribe');
      return store.feed.unsubscribe(job);
    },
    onInterrupted: (listener: () => void) => {
      store.feed.onInterrupted(listener);
    },
  };
  const id = '01930000-0000-7000-8000-000000000001';
  await store.records.create({ id, epoch: 'e1', model: 'm', input: '{}', options });
  return { store, ends: new JobEnds(feed, store.records), id, calls };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('JobEnds', () => {
  it('hears the end of a job', async () => {
    const { store, ends, id } = await createEnds();
    const waiting = ends.wait(id, never);
    await turn();

    await store.records.fail(id, 'worker_lost', 'gone');

    await expect(waiting).resolves.toMatchObject({ status: 'failed' });
  });

  it('reads an end that came before it listened (E1)', async () => {
    const { store, ends, id } = await createEnds();
    await store.records.fail(id, 'worker_lost', 'gone');

    await expect(ends.wait(id, never)).resolves.toMatchObject({ status: 'failed' });
  });

  it('does not take other events for the end', async () => {
    const { store, ends, id } = await createEnds();
    const controller = new AbortController();
    const waiting = ends.wait(id, controller.signal);
    await turn();
    await store.writer.claim(id, 'w');
    await store.writer.append({
      job: id,
      attempt: 1,
      epoch: 'e1',
      firstProducerSeq: 1,
      expectedTop: 1,
      events: [{ type: 'step', data: '{}' }],
    });
    await turn();

    controller.abort();

    await expect(waiting).resolves.toBeUndefined();
  });

  it('reads again when messages may have been missed (E2)', async () => {
    const { store, ends, id } = await createEnds();
    const deaf = new MemoryStore({ now: () => 1_000 });
    const deafEnds = new JobEnds(deaf.feed, store.records);
    const waiting = deafEnds.wait(id, never);
    await turn();
    await store.records.fail(id, 'worker_lost', 'gone');

    deaf.feed.interrupt();

    await expect(waiting).resolves.toMatchObject({ status: 'failed' });
    expect(ends).toBeDefined();
  });

  it('shares one subscription and ends it with the last waiter (E3)', async () => {
    const { ends, id, calls } = await createEnds();
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = [ends.wait(id, first.signal), ends.wait(id, second.signal)];
    await turn();

    first.abort();
    await waiting[0];
    expect(calls).toEqual(['subscribe']);

    second.abort();
    await waiting[1];
    expect(calls).toEqual(['subscribe', 'unsubscribe']);
  });

  it('does not wait at all with a signal that is aborted', async () => {
    const { ends, id } = await createEnds();

    await expect(ends.wait(id, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
