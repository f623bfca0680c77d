import { beforeAll, describe, expect, it } from '@jest/globals';

import { WsClient, call, openStream, submit, type JobView } from '../support/clients.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';

const env = { KEY_PREFIX: uniquePrefix() };

let apis: AppProcess[];
let gateways: AppProcess[];

beforeAll(async () => {
  [apis, gateways] = await Promise.all([
    Promise.all([startApp('api', env), startApp('api', env)]),
    Promise.all([startApp('gateway', env), startApp('gateway', env)]),
  ]);
}, 60_000);

describe('a worker that is killed', () => {
  it('has its job run again as attempt 2, seen by every viewer, with one terminal event', async () => {
    const doomed = await startApp('worker', env);
    const { id } = await submit(apis[0]!.url, 'pace', { steps: 20, everyMs: 50 });
    const ws = await WsClient.connect(gateways[0]!.url);
    await ws.command('subscribe', { job: id });
    const sse = await openStream(`${gateways[1]!.url}/v1/jobs/${id}/events`);
    await sse.record.until((events) => events.some(({ data }) => data['step'] === 7));
    await doomed.kill('SIGKILL');
    const second = await startApp('worker', env);

    const events = await ws.record(id).ended(60_000);
    await sse.record.ended();

    expect(sse.record.texts).toEqual(ws.record(id).texts);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const attempt = events.find(({ type }) => type === 'attempt');
    expect(attempt?.data).toEqual({
      attempt: 2,
      mode: 'restart',
      fromSeq: (attempt?.seq ?? 0) + 1,
    });
    const again = events.slice(attempt?.seq);
    expect(again.map(({ type }) => type)).toEqual([
      'started',
      ...Array(20).fill('step'),
      'completed',
    ]);
    expect(again.every((event) => event.attempt === 2)).toBe(true);
    expect(
      events.filter(({ type }) => ['completed', 'failed', 'cancelled'].includes(type)),
    ).toHaveLength(1);
    await ws.close();
    await second.kill();
  }, 120_000);
});

describe('two apps of each kind on one Redis', () => {
  beforeAll(async () => {
    await Promise.all([startApp('worker', env), startApp('worker', env)]);
  }, 60_000);

  it('work together: any gateway serves any job, whatever API took it', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        submit(apis[index % 2]!.url, 'pace', { steps: 5, everyMs: 20 }),
      ),
    );

    const lists = await Promise.all(
      jobs.map(async ({ id }) => {
        const streams = await Promise.all(
          gateways.map((gateway) => openStream(`${gateway.url}/v1/jobs/${id}/events`)),
        );
        await Promise.all(streams.map(({ record }) => record.ended()));
        return streams.map(({ record }) => record.texts);
      }),
    );

    for (const [one, other] of lists) {
      expect(one).toHaveLength(8);
      expect(other).toEqual(one);
    }
    const workers = lists.map(
      ([texts]) => (JSON.parse(texts![1]!) as { data: { worker: string } }).data.worker,
    );
    expect(new Set(workers).size).toBe(2);
  });

  it('take a job only when a slot is free: an idle worker never waits behind a busy one', async () => {
    const blocker = await submit(apis[0]!.url, 'pace', { steps: 400, everyMs: 50 });
    await waitFor(
      async () =>
        (await call<JobView>(`${apis[0]!.url}/v1/jobs/${blocker.id}`)).body.status === 'running',
    );

    for (let index = 0; index < 5; index++) {
      const { id } = await submit(apis[1]!.url, 'pace', { steps: 1, everyMs: 0 });
      const stream = await openStream(`${gateways[0]!.url}/v1/jobs/${id}/events`);
      expect((await stream.record.ended(5_000)).at(-1)?.type).toBe('completed');
    }
    await call(`${apis[0]!.url}/v1/jobs/${blocker.id}`, { method: 'DELETE' });
  });

  it('serve 200 writer jobs at once to 200 WebSocket viewers: all end, every list complete', async () => {
    const clients = await Promise.all(
      Array.from({ length: 200 }, (_, index) => WsClient.connect(gateways[index % 2]!.url)),
    );
    const jobs = await Promise.all(
      clients.map((client, index) =>
        client.submit('writer', { prompt: '', maxTokens: 12, seed: index }),
      ),
    );

    const lists = await Promise.all(
      clients.map((client, index) => client.record(jobs[index]!).ended(180_000)),
    );

    for (const events of lists) {
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const output = events.at(-1)?.data['output'] as { text: string; tokens: number };
      const tokens = events.filter(({ type }) => type === 'token');
      expect(tokens.map(({ data }) => data['text']).join('')).toBe(output.text);
      expect(events.at(-1)?.type).toBe('completed');
    }
    await Promise.all(clients.map((client) => client.close()));
  }, 240_000);
});
