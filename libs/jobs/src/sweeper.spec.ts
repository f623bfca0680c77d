import { describe, expect, it } from '@jest/globals';
import type { WorkerEntry } from '@stepcast/hub';
import { createFixture, newJob } from '../testing/fixture.js';
import { Sweeper } from './sweeper.js';

const worker: WorkerEntry = { id: 'w', models: { echo: { device: 'cpu' } }, slots: 1, busy: 1 };

function createSweeper() {
  const fixture = createFixture();
  const { store, queues, clock } = fixture;
  const make = () =>
    new Sweeper({
      records: store.records,
      directory: store.directory,
      queues,
      clock: { now: () => clock.ms, after: () => () => undefined },
      workerLostMs: 60_000,
      onError: (error) => {
        throw error;
      },
    });
  const sweeper = make();
  /** Lets the time pass, with a tick every second, as {@link Sweeper.start} does. */
  const sweepFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed <= ms; passed += 1_000) {
      await sweeper.tick();
      clock.ms += 1_000;
    }
  };
  const submit = async (options = {}): Promise<string> => {
    const job = newJob(options);
    await store.records.create(job);
    await queues.add(job);
    return job.id;
  };
  const status = async (id: string) => (await store.records.get(id))?.status;
  return { ...fixture, sweeper, sweepFor, submit, status, make };
}

describe('Sweeper: waiting jobs', () => {
  it('closes a job whose start deadline has passed and takes it out of line', async () => {
    const { sweepFor, submit, status, queues, clock } = createSweeper();
    const id = await submit({ startTimeoutMs: 5_000 });
    clock.ms += 5_001;

    await sweepFor(0);

    await expect(status(id)).resolves.toBe('cancelled');
    expect(queues.jobs.size).toBe(0);
  });

  it('closes a job that nobody came to watch', async () => {
    const { sweepFor, submit, status, clock } = createSweeper();
    const onDisconnect = { policy: 'cancel', graceMs: 0 };
    const id = await submit({ onDisconnect, firstAttachMs: 3_000 });
    clock.ms += 3_001;

    await sweepFor(0);

    await expect(status(id)).resolves.toBe('cancelled');
  });

  it('leaves a job alone that waits in line', async () => {
    const { sweepFor, submit, status, queues } = createSweeper();
    const id = await submit();

    await sweepFor(20_000);

    await expect(status(id)).resolves.toBe('queued');
    expect([...queues.jobs]).toEqual([id]);
  });

  it('adds a job again that never reached its queue, after 5 s and not before (W3)', async () => {
    const { sweepFor, store, queues } = createSweeper();
    const job = newJob();
    await store.records.create(job);

    await sweepFor(4_000);
    expect(queues.jobs.size).toBe(0);

    await sweepFor(1_000);
    expect([...queues.jobs]).toEqual([job.id]);
  });

  it('ends the pause of a retry 5 s after it should have ended (W8)', async () => {
    const { sweepFor, submit, store, queues } = createSweeper();
    const [fresh, retried] = [await submit(), await submit()];
    await store.writer.claim(retried, 'w', { token: 't' });
    await store.writer.requeue({ job: retried, attempt: 1, token: 't' });

    await sweepFor(5_000);
    expect(queues.resumed).toEqual([]);

    await sweepFor(1_000);
    expect(queues.resumed).toEqual([retried]);
    expect([...queues.jobs]).toEqual([fresh, retried]);
  });
});

describe('Sweeper: running jobs', () => {
  it('fails a job that its queue has given up when its worker is gone (W2)', async () => {
    const { sweepFor, submit, status, queues, store } = createSweeper();
    const id = await submit();
    await store.writer.claim(id, 'w');
    queues.jobs.clear();

    await sweepFor(4_000);
    await expect(status(id)).resolves.toBe('running');

    await sweepFor(1_000);
    await expect(store.records.get(id)).resolves.toMatchObject({ status: 'failed' });
    expect((await store.records.get(id))?.end).toContain('"worker_lost"');
  });

  it('gives a silent job of a living worker 30 s, and one that writes all the time (W4)', async () => {
    const { sweepFor, submit, status, queues, store } = createSweeper();
    await store.directory.announce(worker, 1_000_000);
    const id = await submit();
    await store.writer.claim(id, 'w', { token: 't' });
    queues.jobs.clear();
    await sweepFor(29_000);
    await store.writer.append({
      job: id,
      attempt: 1,
      token: 't',
      epoch: 'e1',
      firstProducerSeq: 1,
      expectedTop: 1,
      events: [{ type: 'step', data: '{}' }],
    });

    await sweepFor(29_000);
    await expect(status(id)).resolves.toBe('running');

    await sweepFor(3_000);
    await expect(status(id)).resolves.toBe('failed');
  });

  it('leaves the job of a dead worker to the others that serve the model (W5)', async () => {
    const { sweepFor, submit, status, store } = createSweeper();
    await store.directory.announce({ ...worker, id: 'other' }, 1_000_000);
    const id = await submit();
    await store.writer.claim(id, 'w');

    await sweepFor(120_000);

    await expect(status(id)).resolves.toBe('running');
  });

  it('gives up the job of a dead worker when no worker comes for WORKER_LOST_MS (W5)', async () => {
    const { sweepFor, submit, status, store, queues } = createSweeper();
    const id = await submit();
    await store.writer.claim(id, 'w');

    await sweepFor(59_000);
    await expect(status(id)).resolves.toBe('running');

    await sweepFor(1_000);
    await expect(status(id)).resolves.toBe('failed');
    expect(queues.jobs.size).toBe(0);
  });
});

describe('Sweeper: all jobs', () => {
  it('drops a vanished job from the open ones', async () => {
    const { sweepFor, submit, store } = createSweeper();
    store.loseJob(await submit());

    await sweepFor(0);

    await expect(store.records.open(10, 0)).resolves.toEqual([]);
  });

  it('looks at all of them in turn, a slice per tick (W9)', async () => {
    const { sweepFor, submit, store } = createSweeper();
    for (let count = 0; count < 150; count++) await submit();
    const cursors: (string | undefined)[] = [];
    const list = store.records.list.bind(store.records);
    store.records.list = (query) => {
      cursors.push(query.cursor);
      return list(query);
    };

    await sweepFor(3_000);

    expect(cursors.slice(0, 3).map((cursor) => cursor !== undefined)).toEqual([false, true, false]);
  });

  it('lets one sweeper at a time look', async () => {
    const { make, sweeper, store, queues, clock } = createSweeper();
    const second = make();
    const job = newJob({ startTimeoutMs: 1 });
    await sweeper.tick();
    await store.records.create(job);
    await queues.add(job);
    clock.ms += 2;

    await second.tick();
    expect(queues.jobs.size).toBe(1);

    await sweeper.tick();
    expect(queues.jobs.size).toBe(0);
  });
});
