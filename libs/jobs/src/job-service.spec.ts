import { describe, expect, it } from '@jest/globals';
import { StepcastError } from '@stepcast/protocol';
import { createFixture, defaultOptions } from '../testing/fixture.js';
import type { Submission } from './job-service.js';

const submission: Submission = {
  model: 'echo',
  input: { text: 'hello' },
  options: defaultOptions,
  onDisconnect: { policy: 'continue', graceMs: 0 },
};

describe('JobService.submit', () => {
  it('writes the record, puts the job in line and wakes workers', async () => {
    const { service, queues, store } = createFixture();
    const woken: string[] = [];
    await store.signals.onWake((model) => woken.push(model));

    const { record, created } = await service.submit(submission);

    expect(created).toBe(true);
    expect(record).toMatchObject({ model: 'echo', status: 'queued', attempt: 0, top: 1 });
    expect(record.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(record.options.onDisconnect).toEqual({ policy: 'continue', graceMs: 0 });
    expect([...queues.jobs]).toEqual([record.id]);
    expect(woken).toEqual(['echo']);
  });

  it('keeps the input as it was sent: the model fills in the defaults', async () => {
    const { service, store } = createFixture();

    const { record } = await service.submit(submission);

    await expect(store.writer.claim(record.id, 'w')).resolves.toMatchObject({
      input: '{"text":"hello"}',
    });
  });

  it('reports every fault of the input and stores nothing', async () => {
    const { service, queues, store } = createFixture();

    await expect(
      service.submit({ ...submission, input: { text: 5, times: 0 } }),
    ).rejects.toMatchObject({
      code: 'invalid_input',
      faults: [{ path: 'text' }, { path: 'times' }],
    });
    await expect(service.submit({ ...submission, model: 'nope' })).rejects.toMatchObject({
      code: 'model_not_found',
    });
    expect(queues.jobs.size).toBe(0);
    await expect(store.records.open(10, 0)).resolves.toEqual([]);
  });

  it('refuses the job that finds too many in line, and stores nothing of it', async () => {
    const { service, queues, store } = createFixture();
    for (let job = 0; job < 10; job++) await service.submit(submission);

    await expect(service.submit(submission)).rejects.toMatchObject({ code: 'queue_full' });

    expect(queues.jobs.size).toBe(10);
    await expect(store.records.open(100, 0)).resolves.toHaveLength(10);
  });

  it('refuses nobody who asks again for a job that is in line', async () => {
    const { service } = createFixture();
    const keyed = { ...submission, idempotencyKey: 'k' };
    const { record } = await service.submit(keyed);
    for (let job = 0; job < 9; job++) await service.submit(submission);

    await expect(service.submit(submission)).rejects.toMatchObject({ code: 'queue_full' });
    await expect(service.submit(keyed)).resolves.toMatchObject({ record: { id: record.id } });
  });

  it('answers the same key with the same job, whatever the order of its fields', async () => {
    const { service } = createFixture();
    const keyed = { ...submission, idempotencyKey: 'k' };

    const first = await service.submit({ ...keyed, input: { text: 'a', times: 2 } });
    const second = await service.submit({ ...keyed, input: { times: 2, text: 'a' } });

    expect(second.record.id).toBe(first.record.id);
    expect([first.created, second.created]).toEqual([true, false]);
  });

  it('refuses a key that stands for another request', async () => {
    const { service } = createFixture();
    await service.submit({ ...submission, idempotencyKey: 'k' });

    await expect(
      service.submit({ ...submission, idempotencyKey: 'k', input: { text: 'other' } }),
    ).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });

  it('completes with a retry what died between record and queue (J1, J3)', async () => {
    const { service, queues } = createFixture();
    queues.failure = new StepcastError('unavailable');
    const keyed = { ...submission, idempotencyKey: 'k' };
    await expect(service.submit(keyed)).rejects.toMatchObject({ code: 'unavailable' });
    queues.failure = undefined;

    const { record, created } = await service.submit(keyed);

    expect(created).toBe(false);
    expect([...queues.jobs]).toEqual([record.id]);
  });

  it('does not put a job in line again that has run', async () => {
    const { service, queues, store } = createFixture();
    const keyed = { ...submission, idempotencyKey: 'k' };
    const { record } = await service.submit(keyed);
    queues.jobs.clear();
    await store.writer.claim(record.id, 'w');

    await service.submit(keyed);

    expect(queues.jobs.size).toBe(0);
  });
});

describe('JobService.get', () => {
  it.each(['', 'nope', '../x', '01a1fdda-f026-71af-a66f-dcea49a28ee8'])(
    'answers job_not_found for %j',
    async (id) => {
      await expect(createFixture().service.get(id)).rejects.toMatchObject({
        code: 'job_not_found',
      });
    },
  );

  it('shows place in line and time to the start', async () => {
    const { service, store } = createFixture();
    await store.directory.announce(
      { id: 'w', models: { echo: { device: 'cpu' } }, slots: 2, busy: 2 },
      10_000,
    );
    await store.directory.recordDuration('echo', 4_000);
    await service.submit(submission);
    const { record } = await service.submit(submission);

    await expect(service.get(record.id)).resolves.toMatchObject({
      status: 'queued',
      queue: { position: 1, etaMs: 4_000 },
      output: null,
      error: null,
      cancel: null,
    });
  });

  it('shows no time that nobody can know', async () => {
    const { service } = createFixture();
    const { record } = await service.submit(submission);

    await expect(service.get(record.id)).resolves.toMatchObject({
      queue: { position: 0, etaMs: null },
    });
  });

  it('reads the output from the terminal event', async () => {
    const { service, store } = createFixture();
    const { record } = await service.submit(submission);
    await store.writer.claim(record.id, 'w', { token: 't' });
    await store.writer.append({
      job: record.id,
      attempt: 1,
      token: 't',
      epoch: record.epoch,
      firstProducerSeq: 1,
      expectedTop: 1,
      events: [
        { type: 'completed', data: '{"output":{"text":"hi"},"metrics":{"queuedMs":1,"runMs":2}}' },
      ],
    });

    await expect(service.get(record.id)).resolves.toMatchObject({
      status: 'completed',
      queue: null,
      output: { text: 'hi' },
    });
  });
});

describe('JobService.cancel', () => {
  it('ends a waiting job and takes it out of line', async () => {
    const { service, queues } = createFixture();
    const { record } = await service.submit(submission);

    const cancelled = await service.cancel(record.id, 'client', 'enough');

    expect(cancelled.status).toBe('cancelled');
    expect(queues.jobs.size).toBe(0);
    await expect(service.view(cancelled)).resolves.toMatchObject({
      cancel: { by: 'client', reason: 'enough', stoppedAfterMs: 0 },
    });
  });

  it('tells the worker of a running job', async () => {
    const { service, store } = createFixture();
    const nudged: string[] = [];
    await store.signals.onNudge('w', (job) => nudged.push(job));
    const { record } = await service.submit(submission);
    await store.writer.claim(record.id, 'w');

    const ordered = await service.cancel(record.id, 'client', '');

    expect(ordered).toMatchObject({ status: 'running', stop: { by: 'client' } });
    expect(nudged).toEqual([record.id]);
  });

  it('is answered already_finished after the end', async () => {
    const { service } = createFixture();
    const { record } = await service.submit(submission);
    await service.cancel(record.id, 'client', '');

    await expect(service.cancel(record.id, 'client', '')).rejects.toMatchObject({
      code: 'already_finished',
    });
  });
});
