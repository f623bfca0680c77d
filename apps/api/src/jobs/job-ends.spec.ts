import { describe, expect, it } from '@jest/globals';
import { MemoryStore, type Clock, type JobRecords } from '@stepcast/hub';
import { StepcastError, completeOptions, jobOptionsSchema } from '@stepcast/protocol';
import { JobEnds } from './job-ends.js';

const options = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });
const never = new AbortController().signal;

/** A clock that is set by hand; what is due is called when it passes. */
class ManualClock implements Clock {
  #now = 0;
  #due: { readonly at: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#now + delayMs, callback };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((each) => each !== entry);
    };
  }

  /** Lets time pass second by second, with what is due in each. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    while (this.#now < end) {
      this.#now += 1_000;
      const due = this.#due.filter(({ at }) => at <= this.#now);
      this.#due = this.#due.filter(({ at }) => at > this.#now);
      for (const { callback } of due) callback();
      await turn();
    }
  }
}

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
  const clock = new ManualClock();
  return { store, ends: new JobEnds({ feed, records: store.records, clock }), id, calls, clock };
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
    await store.writer.claim(id, 'w', { token: 't' });
    await store.writer.append({
      job: id,
      attempt: 1,
      token: 't',
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
    const deafEnds = new JobEnds({
      feed: deaf.feed,
      records: store.records,
      clock: new ManualClock(),
    });
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

  it('finds an end of which no message came, within an audit (E2)', async () => {
    const { store, id } = await createEnds();
    const clock = new ManualClock();
    const deaf = new MemoryStore({ now: () => 1_000 });
    const waiting = new JobEnds({ feed: deaf.feed, records: store.records, clock }).wait(id, never);
    await turn();
    await store.records.fail(id, 'worker_lost', 'gone');

    await clock.pass(3_000);

    await expect(waiting).resolves.toMatchObject({ status: 'failed' });
  });

  it('waits for a record that is gone for a while, and gives it up then (E4)', async () => {
    const { store, id } = await createEnds();
    const clock = new ManualClock();
    let isGone = true;
    const records = {
      get: (job: string) => (isGone ? Promise.resolve(undefined) : store.records.get(job)),
    } as unknown as JobRecords;
    const ends = new JobEnds({ feed: store.feed, records, clock });
    const [comesBack, staysAway] = [ends.wait(id, never), ends.wait(id, never)];
    await turn();
    await clock.pass(9_000);
    isGone = false;
    await clock.pass(3_000);
    await store.records.fail(id, 'worker_lost', 'gone');
    await expect(comesBack).resolves.toMatchObject({ status: 'failed' });
    await expect(staysAway).resolves.toMatchObject({ status: 'failed' });

    isGone = true;
    const lost = ends.wait(id, never);
    await turn();
    await clock.pass(18_000);
    await expect(lost).resolves.toBeUndefined();
  });

  it('waits for a store that cannot be read (E4)', async () => {
    const { store, id } = await createEnds();
    const clock = new ManualClock();
    let isAway = true;
    const records = {
      get: (job: string) =>
        isAway ? Promise.reject(new StepcastError('unavailable')) : store.records.get(job),
    } as unknown as JobRecords;
    const waiting = new JobEnds({ feed: store.feed, records, clock }).wait(id, never);
    await clock.pass(60_000);
    isAway = false;
    await store.records.fail(id, 'worker_lost', 'gone');
    await clock.pass(3_000);

    await expect(waiting).resolves.toMatchObject({ status: 'failed' });
  });
});
