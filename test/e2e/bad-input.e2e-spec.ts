import { once } from 'node:events';
import net from 'node:net';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';

import { WsClient, call, submit } from '../support/clients.js';
import { startApp, uniquePrefix, waitFor, within, type AppProcess } from '../support/stepcast.js';

let hub: AppProcess;
let neighbour: WsClient;
let neighbourJob: string;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix(), WORKER_SLOTS: '2' });
}, 60_000);

// A healthy job beside every fault: it must go on undisturbed.
beforeEach(async () => {
  neighbour = await WsClient.connect(hub.url);
  neighbourJob = await neighbour.submit('pace', { steps: 5, everyMs: 20 });
});

afterEach(async () => {
  const events = await neighbour.record(neighbourJob).ended();
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await neighbour.close();
});

interface Problem {
  code: string;
  status: number;
  detail: string;
  errors?: { path: string; message: string }[];
}

const unknownJob = '0199a4c0-7000-7000-8000-000000000001';

describe('REST answers a problem', () => {
  it('for an unknown model, naming those it has', async () => {
    const { status, headers, body } = await call<Problem>(`${hub.url}/v1/jobs`, {
      body: { model: 'nope', input: {} },
    });

    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ code: 'model_not_found', status: 404 });
    expect(body.detail).toContain('sketch');
  });

  it('for an input off its schema, with every fault and its path', async () => {
    const { status, body } = await call<Problem>(`${hub.url}/v1/models/pace/run`, {
      body: { steps: 0, everyMs: 'soon', bytes: -1 },
    });

    expect(status).toBe(422);
    expect(body.code).toBe('invalid_input');
    expect(body.errors?.map(({ path }) => path).sort()).toEqual(['bytes', 'everyMs', 'steps']);
  });

  it('for a submit whose own fields are off, with their paths', async () => {
    const { body } = await call<Problem>(`${hub.url}/v1/jobs`, {
      body: {
        model: 'pace',
        input: {},
        options: { attempts: 99, onDisconnect: { policy: 'maybe' } },
      },
    });

    expect(body.errors?.map(({ path }) => path).sort()).toEqual([
      'options.attempts',
      'options.onDisconnect.policy',
    ]);
  });

  it.each([
    ['malformed JSON', { body: '{"model":', type: 'application/json' }, 400, 'malformed_json'],
    [
      'another content type',
      { body: 'model=pace', type: 'text/plain' },
      415,
      'unsupported_media_type',
    ],
    [
      'an oversize body',
      { body: `"${'x'.repeat(1_100_000)}"`, type: 'application/json' },
      413,
      'too_large',
    ],
    [
      'a body 10,000 levels deep',
      {
        body: `{"model":"pace","input":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
        type: 'application/json',
      },
      422,
      'invalid_input',
    ],
  ])('for %s', async (_name, { body, type }, status, code) => {
    const response = await fetch(`${hub.url}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });

    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, status });
  });

  it.each([
    ['an unknown job', 'GET', `/v1/jobs/${unknownJob}`, 404, 'job_not_found'],
    ['a job id that is none', 'GET', '/v1/jobs/..%2f..', 404, 'job_not_found'],
    ['the events of an unknown job', 'GET', `/v1/jobs/${unknownJob}/events`, 404, 'job_not_found'],
    ['cancelling an unknown job', 'DELETE', `/v1/jobs/${unknownJob}`, 404, 'job_not_found'],
    ['a path that does not exist', 'GET', '/v1/nothing', 404, 'not_found'],
    ['an unknown model', 'GET', '/v1/models/nope', 404, 'model_not_found'],
    ['a bad cursor', 'GET', '/v1/jobs?cursor=%00', 422, 'invalid_input'],
    ['a bad limit', 'GET', '/v1/jobs?limit=0', 422, 'invalid_input'],
  ])('for %s', async (_name, method, path, status, code) => {
    const { body, status: actual } = await call(`${hub.url}${path}`, { method });

    expect(body).toMatchObject({ code });
    expect(actual).toBe(status);
  });

  it('for a bad position, on the log and on a stream', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 1 });
    for (const path of [`/v1/jobs/${id}/log?from=garbage`, `/v1/jobs/${id}/events?from=garbage`]) {
      expect(await call(`${hub.url}${path}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_position' },
      });
    }
  });

  it('but accepts an empty body that is called JSON where none is needed', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 50 });
    const { status } = await call(`${hub.url}/v1/jobs/${id}`, { method: 'DELETE' });

    expect(status).toBe(202);
  });

  it('with the reason of the model, not its stack, when the model throws', async () => {
    const { body } = await call<{ status: string; error: { code: string; message: string } }>(
      `${hub.url}/v1/models/pace/run`,
      { body: { steps: 5, everyMs: 0, fail: 3 } },
    );

    expect(body.status).toBe('failed');
    expect(body.error.code).toBe('model_error');
    expect(body.error.message).not.toMatch(/\n|\bat .*:\d+|\/models\//);
    await waitFor(() =>
      hub.log.some((line) => line.includes('"code":"model_error"') && line.includes('\\n    at ')),
    );
  });
});

describe('a WebSocket answers an error and lives', () => {
  it.each([
    ['bad JSON', '{', 'malformed_json'],
    ['an array', '[]', 'invalid_input'],
    ['an unknown op', '{"op":"dance","id":7}', 'unknown_op'],
    ['missing fields', '{"op":"subscribe","id":7}', 'invalid_input'],
    ['an unknown job', `{"op":"subscribe","id":7,"job":"${unknownJob}"}`, 'job_not_found'],
    ['an unknown model', '{"op":"submit","id":7,"model":"nope"}', 'model_not_found'],
    ['a bad position', '{"op":"subscribe","id":7,"job":"x","from":"garbage"}', 'invalid_position'],
    ['a job it does not watch', '{"op":"unsubscribe","id":7,"job":"x"}', 'not_subscribed'],
    [
      'a deep message',
      `{"op":"submit","id":7,"model":"pace","input":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
      'invalid_input',
    ],
  ])('to %s', async (_name, text, code) => {
    const client = await WsClient.connect(hub.url);
    client.ws.send(text);
    await client.waitFor(() => client.messages.some(({ op }) => op === 'error'));

    expect(client.messages.find(({ op }) => op === 'error')).toMatchObject({
      code,
      retryable: false,
    });
    expect(await client.command('ping')).toMatchObject({ op: 'ok' });
    await client.close();
  });

  it('to a binary message', async () => {
    const client = await WsClient.connect(hub.url);
    client.ws.send(Buffer.from('{"op":"ping"}'));
    await client.waitFor(() => client.messages.length > 0);

    expect(client.messages[0]).toMatchObject({ op: 'error', code: 'malformed_json' });
    await client.close();
  });

  it('to the 101st job', async () => {
    const client = await WsClient.connect(hub.url);
    const jobs = await Promise.all(
      Array.from({ length: 101 }, () => submit(hub.url, 'pace', { steps: 1_000 })),
    );
    const replies = await Promise.all(
      jobs.map(({ id }) => client.command('subscribe', { job: id, hold: false })),
    );

    expect(replies.slice(0, 100).every(({ op }) => op === 'ok')).toBe(true);
    expect(replies[100]).toMatchObject({ op: 'error', code: 'too_many_jobs' });
    expect(await client.command('subscribe', { job: jobs[0]?.id })).toMatchObject({ op: 'error' });
    await client.close();
    await Promise.all(jobs.map(({ id }) => call(`${hub.url}/v1/jobs/${id}`, { method: 'DELETE' })));
  });

  it('but closes on abuse: 1009 for an oversize message, 4501 for endless faults', async () => {
    const big = await WsClient.connect(hub.url);
    big.ws.send('x'.repeat(70_000));
    await big.waitFor(() => big.closeCode !== undefined);
    const broken = await WsClient.connect(hub.url);
    for (let index = 0; index < 150; index++) broken.ws.send('{');
    await broken.waitFor(() => broken.closeCode !== undefined);

    expect(big.closeCode).toBe(1009);
    expect(broken.closeCode).toBe(4501);
  });
});

describe('an upgrade', () => {
  it('from a foreign origin is answered 403', async () => {
    const ws = new WebSocket(`${hub.url.replace('http', 'ws')}/v1/ws`, {
      origin: 'https://evil.example',
    });
    ws.on('error', () => undefined);
    const [, response] = (await within(once(ws, 'unexpected-response'), 5_000, 'the answer')) as [
      unknown,
      { statusCode: number },
    ];

    expect(response.statusCode).toBe(403);
  });

  it('at another path is answered 404', async () => {
    const { hostname, port } = new URL(hub.url);
    const socket = net.connect(Number(port), hostname);
    socket.write(
      'GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const [data] = (await within(once(socket, 'data'), 5_000, 'the answer')) as [Buffer];

    expect(data.toString()).toMatch(/^HTTP\/1\.1 404 /);
    socket.destroy();
  });
});
