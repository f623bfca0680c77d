import { beforeAll, describe, expect, it } from '@jest/globals';

import { WsClient, call, openStream, submit, type JobView } from '../support/clients.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';

let hub: AppProcess;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix(), WORKER_SLOTS: '1' });
}, 60_000);

const job = async (id: string): Promise<JobView> =>
  (await call<JobView>(`${hub.url}/v1/jobs/${id}`)).body;

async function ended(id: string): Promise<JobView> {
  await waitFor(async () => (await job(id))['finishedAt'] !== null, 30_000);
  return job(id);
}

async function types(id: string): Promise<string[]> {
  const { body } = await call<{ events: { type: string }[] }>(`${hub.url}/v1/jobs/${id}/log`);
  return body.events.map(({ type }) => type);
}

describe('models', () => {
  it('are listed with their schemas, the device in use and the depth of their queues', async () => {
    const { body } = await call<{ models: Record<string, unknown>[] }>(`${hub.url}/v1/models`);

    expect(body.models.map(({ name }) => name)).toEqual(['classify', 'pace', 'sketch', 'writer']);
    const one = await call(`${hub.url}/v1/models/sketch`);
    expect(one.body).toMatchObject({
      name: 'sketch',
      input: { type: 'object', properties: { prompt: { type: 'string', maxLength: 200 } } },
    });
    await waitFor(async () => {
      const { body: warm } = await call<{ devices: string[] }>(`${hub.url}/v1/models/sketch`);
      return warm.devices.includes('cpu');
    });
  });

  it('are described by an OpenAPI document made from the same schemas', async () => {
    const { body } = await call<{ openapi: string; paths: Record<string, unknown> }>(
      `${hub.url}/openapi.json`,
    );

    expect(body.openapi).toMatch(/^3\.1/);
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/v1/jobs',
        '/v1/jobs/{id}',
        '/v1/jobs/{id}/events',
        '/v1/models/sketch/run',
        '/v1/models/sketch/stream',
      ]),
    );
    expect((await fetch(`${hub.url}/docs`)).status).toBe(200);
  });
});

describe('a job', () => {
  it('is accepted with its address and links, and ends with output and times', async () => {
    const { status, headers, body } = await call<JobView>(`${hub.url}/v1/jobs`, {
      body: { model: 'pace', input: { steps: 3, everyMs: 0 } },
    });

    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/jobs/${body.id}`);
    expect(body).toMatchObject({
      model: 'pace',
      attempt: 0,
      links: { self: `/v1/jobs/${body.id}` },
    });
    expect(body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(await ended(body.id)).toMatchObject({
      status: 'completed',
      attempt: 1,
      output: { steps: 3 },
      progress: { step: 3, of: 3 },
      error: null,
      cancel: null,
      queue: null,
    });
  });

  it('run to its end in one call, or answered 202 when Prefer says not to wait that long', async () => {
    const done = await call<JobView>(`${hub.url}/v1/models/pace/run`, {
      body: { steps: 2, everyMs: 0 },
    });
    const early = await call<JobView>(`${hub.url}/v1/models/pace/run`, {
      body: { steps: 100, everyMs: 50 },
      headers: { prefer: 'wait=1' },
    });

    expect(done).toMatchObject({
      status: 200,
      body: { status: 'completed', output: { steps: 2 } },
    });
    expect(early).toMatchObject({ status: 202, body: { status: 'running' } });
    await call(`${hub.url}/v1/jobs/${early.body.id}`, { method: 'DELETE' });
    await ended(early.body.id);
  });

  it('is one job for one Idempotency-Key, and a conflict for another request', async () => {
    const send = (steps: number) =>
      call<JobView>(`${hub.url}/v1/jobs`, {
        body: { model: 'pace', input: { steps, everyMs: 0 } },
        headers: { 'idempotency-key': 'order-1' },
      });
    const [one, two] = await Promise.all([send(2), send(2)]);
    const three = await send(2);

    expect(new Set([one.body.id, two.body.id, three.body.id]).size).toBe(1);
    expect(await send(3)).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
  });

  it('waits in the order of priority, and says how many are before it', async () => {
    const blocker = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 50 });
    await waitFor(async () => (await job(blocker.id)).status === 'running');
    const [low, high, low2] = [
      await submit(hub.url, 'pace', { steps: 1 }),
      await submit(hub.url, 'pace', { steps: 1 }, { priority: 9 }),
      await submit(hub.url, 'pace', { steps: 1 }),
    ];

    expect((await job(high.id))['queue']).toMatchObject({ position: 0 });
    expect((await job(low.id))['queue']).toMatchObject({ position: 1 });
    expect((await job(low2.id))['queue']).toMatchObject({ position: 2 });

    await call(`${hub.url}/v1/jobs/${blocker.id}`, { method: 'DELETE' });
    const jobs = await Promise.all([low, high, low2].map(({ id }) => ended(id)));
    const starts = jobs.map((view) => Number(view['startedAt']));
    expect(starts[1]!).toBeLessThan(starts[0]!);
    expect(starts[0]!).toBeLessThan(starts[2]!);
  });

  it('that throws is run again as often as its attempts allow, then fails once', async () => {
    const { id } = await submit(
      hub.url,
      'pace',
      { steps: 4, everyMs: 0, fail: 2 },
      { attempts: 3 },
    );

    expect(await ended(id)).toMatchObject({
      status: 'failed',
      attempt: 3,
      error: { code: 'model_error' },
    });
    const seen = await types(id);
    expect(seen.filter((type) => type === 'attempt')).toHaveLength(2);
    expect(seen.filter((type) => type === 'started')).toHaveLength(3);
    expect(seen.filter((type) => type === 'failed')).toHaveLength(1);
    expect(seen.at(-1)).toBe('failed');
  });

  it('that throws at first succeeds in a later attempt', async () => {
    const input = { steps: 3, everyMs: 0, fail: 2, failAttempts: 1 };
    const { id } = await submit(hub.url, 'pace', input, { attempts: 2 });

    expect(await ended(id)).toMatchObject({ status: 'completed', attempt: 2 });
  });

  it('that runs longer than timeoutMs is cancelled by timeout', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 20 }, { timeoutMs: 200 });

    expect(await ended(id)).toMatchObject({ status: 'cancelled', cancel: { by: 'timeout' } });
  });

  it('that is not started within startTimeoutMs is cancelled by timeout and never run', async () => {
    const blocker = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 50 });
    await waitFor(async () => (await job(blocker.id)).status === 'running');
    const { id } = await submit(hub.url, 'pace', { steps: 1 }, { startTimeoutMs: 100 });

    expect(await ended(id)).toMatchObject({ status: 'cancelled', cancel: { by: 'timeout' } });
    expect(await types(id)).toEqual(['queued', 'cancelled']);
    await call(`${hub.url}/v1/jobs/${blocker.id}`, { method: 'DELETE' });
    await ended(blocker.id);
  });

  it('with policy cancel and no first holder is cancelled after firstAttachMs', async () => {
    const { id } = await submit(
      hub.url,
      'pace',
      { steps: 1_000, everyMs: 20 },
      { onDisconnect: { policy: 'cancel', graceMs: 0 }, firstAttachMs: 300 },
    );

    expect(await ended(id)).toMatchObject({ status: 'cancelled', cancel: { by: 'disconnect' } });
  });

  it('is cancelled over WebSocket by somebody else than its submitter', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 20 });
    await waitFor(async () => (await job(id)).status === 'running');
    const client = await WsClient.connect(hub.url);

    expect(await client.command('cancel', { job: id, reason: 'enough' })).toMatchObject({
      op: 'ok',
      job: id,
    });
    expect(await ended(id)).toMatchObject({ cancel: { by: 'client', reason: 'enough' } });
    expect(await client.command('cancel', { job: id })).toMatchObject({ code: 'already_finished' });
    await client.close();
  });

  it('is listed newest first, by model and status, page by page', async () => {
    const ids = [];
    for (let index = 0; index < 5; index++) {
      ids.push((await submit(hub.url, 'pace', { steps: 1, everyMs: 0 })).id);
    }
    await Promise.all(ids.map(ended));
    const pages: string[][] = [];
    let cursor: string | null = '';
    while (cursor !== null && pages.length < 50) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await call<{ jobs: JobView[]; nextCursor: string | null }>(
        `${hub.url}/v1/jobs?model=pace&status=completed&limit=2${query}`,
      );
      pages.push(body.jobs.map(({ id }) => id));
      cursor = body.nextCursor;
    }

    const listed = pages.flat();
    expect(listed.slice(0, 5)).toEqual([...ids].reverse());
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('whose host process dies fails alone; the next job gets a fresh host', async () => {
    const running = await openStream(`${hub.url}/v1/models/pace/stream`, {
      body: { steps: 1_000, everyMs: 20 },
    });
    const events = await running.record.until((seen) => seen.length >= 4);
    const host = String(events.find(({ type }) => type === 'started')?.data['host']);
    process.kill(Number(/(\d+)$/.exec(host)?.[1]), 'SIGKILL');

    expect((await running.record.ended()).at(-1)).toMatchObject({
      type: 'failed',
      data: { code: 'host_crashed' },
    });
    const next = await openStream(`${hub.url}/v1/models/pace/stream`, { body: { steps: 1 } });
    expect((await next.record.ended()).at(-1)?.type).toBe('completed');
  });
});

describe('the models', () => {
  it('sketch: same prompt, seed and steps give the same bytes; unknown words are a log event', async () => {
    const input = { prompt: 'a small green square shimmering', steps: 5, seed: 3 };
    const [one, two] = await Promise.all(
      [0, 1].map(async () => {
        const stream = await openStream(`${hub.url}/v1/models/sketch/stream`, { body: input });
        return stream.record.ended(60_000);
      }),
    );
    const pictures = (events: typeof one) => [
      ...events!.filter(({ type }) => type === 'step').map(({ data }) => data['preview']),
      events!.at(-1)?.data['output'],
    ];

    expect(pictures(two)).toEqual(pictures(one));
    const logs = one!.filter(({ type }) => type === 'log');
    expect(logs).toHaveLength(1);
    expect(logs[0]?.data['message']).toContain('shimmering');
  });

  it('writer: the same seed gives the same text, temperature 0 the likeliest', async () => {
    const run = async (input: object) =>
      (await call<{ output: { text: string } }>(`${hub.url}/v1/models/writer/run`, { body: input }))
        .body.output;
    const one = await run({ maxTokens: 20, seed: 5 });
    const two = await run({ maxTokens: 20, seed: 5 });
    const cold = await run({ maxTokens: 20, temperature: 0, seed: 1 });

    expect(two).toEqual(one);
    expect((await run({ maxTokens: 20, temperature: 0, seed: 2 })).text).toBe(cold.text);
  });
});
