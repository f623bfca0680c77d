import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

import { beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { WsClient, call, openStream, submit, type JobView } from '../support/clients.js';
import { metric } from '../support/insight.js';
import { testRedisUrl } from '../support/redis.js';
import { startApp, uniquePrefix, waitFor, within, type AppProcess } from '../support/stepcast.js';

const KEY_PREFIX = uniquePrefix();

let hub: AppProcess;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX, WORKER_SLOTS: '2' });
}, 60_000);

const ndjson = { accept: 'application/x-ndjson' };

async function ended(id: string): Promise<JobView> {
  const read = async () => (await call<JobView>(`${hub.url}/v1/jobs/${id}`)).body;
  await waitFor(async () => (await read())['finishedAt'] !== null, 40_000);
  return read();
}

/** Sends raw bytes and returns the first answer. */
async function raw(lines: string[]): Promise<{ socket: net.Socket; answer: string }> {
  const { hostname, port } = new URL(hub.url);
  const socket = net.connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const [data] = (await within(once(socket, 'data'), 5_000, 'an answer')) as [Buffer];
  return { socket, answer: data.toString() };
}

const upgrade = (path: string, protocol = 'websocket') => [
  `GET ${path} HTTP/1.1`,
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  `Upgrade: ${protocol}`,
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

describe('large events', () => {
  it.each([
    ['each above the limit of unsent bytes', 8, 200_000],
    ['together above what a gateway keeps in memory', 80, 40_000],
  ])('%s reach a late viewer whole, on every transport', async (_name, steps, bytes) => {
    const { id } = await submit(hub.url, 'pace', { steps, everyMs: 0, bytes });
    await ended(id);
    const ws = await WsClient.connect(hub.url);
    await ws.command('subscribe', { job: id });
    const sse = await openStream(`${hub.url}/v1/jobs/${id}/events`);
    const lines = await openStream(`${hub.url}/v1/jobs/${id}/events`, { headers: ndjson });

    for (const record of [ws.record(id), sse.record, lines.record]) {
      const seqs = (await record.ended(15_000)).map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from({ length: steps + 3 }, (_, index) => index + 1));
    }
    await ws.close();
  });
});

describe('clients that leave at the worst moment', () => {
  it('while their upgrade is refused do not end the process', async () => {
    const { hostname, port } = new URL(hub.url);
    for (let index = 0; index < 20; index++) {
      const socket = net.connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(`${upgrade('/nope').join('\r\n')}\r\n\r\n`, () => {
        socket.resetAndDestroy();
      });
      await once(socket, 'close');
    }

    expect((await fetch(`${hub.url}/health/live`)).status).toBe(200);
  });

  it('after a refusal keep no socket of the hub open', async () => {
    const { socket, answer } = await raw(upgrade('/nope'));
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);

    await within(once(socket, 'end'), 5_000, 'the end of the socket');
    socket.destroy();
  });

  it('while their stream is opened hold nothing: the jobs are cancelled', async () => {
    for (let index = 0; index < 10; index++) {
      const request = http.request(
        `${hub.url}/v1/models/pace/stream?onDisconnect=cancel&graceMs=100&firstAttachMs=500`,
        { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } },
      );
      // Destroying it makes it fail; that is what is tried here.
      request.on('error', () => undefined);
      const closed = new Promise((resolve) => request.once('close', resolve));
      request.end('{"steps":5000,"everyMs":50}', () => {
        setImmediate(() => request.destroy());
      });
      await closed;
    }

    const running = async (): Promise<number> => {
      const lists = await Promise.all(
        ['running', 'queued'].map((status) =>
          call<{ jobs: JobView[] }>(`${hub.url}/v1/jobs?model=pace&status=${status}&limit=100`),
        ),
      );
      return lists.flatMap(({ body }) => body.jobs).length;
    };
    await waitFor(async () => (await running()) === 0, 20_000);
    // The store knows of an end before it has reached the gateway.
    await waitFor(async () => (await metric(hub, 'stepcast_held_jobs')) === 0, 10_000);
    expect(await metric(hub, 'stepcast_viewers')).toBe(0);
  }, 40_000);
});

describe('requests that are not quite streams', () => {
  it('HEAD answers the head alone, and the connection stays usable', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 1 });
    const { socket, answer } = await raw([
      `HEAD /v1/jobs/${id}/events HTTP/1.1\r\nHost: x\r\n\r\nGET /health/live HTTP/1.1`,
      'Host: x',
    ]);
    let text = answer;
    socket.on('data', (data: Buffer) => (text += data.toString()));
    await waitFor(() => text.split('HTTP/1.1 200').length === 3);

    expect(text).toContain('text/event-stream');
    expect(text).not.toContain('event:');
    socket.destroy();
  });

  it('an offer of h2c is ignored, and the request served', async () => {
    const { socket, answer } = await raw(upgrade('/health/live', 'h2c'));

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it('a stream pipelined behind another request is refused with a reason', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 40, everyMs: 50 });
    const path = `/v1/jobs/${id}/events?hold=false`;
    const { socket, answer } = await raw([
      `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\nGET ${path} HTTP/1.1`,
      'Host: x',
    ]);
    let text = answer;
    socket.on('data', (data: Buffer) => (text += data.toString()));
    await waitFor(() => text.includes('protocol_error'), 15_000);

    expect(text.indexOf('event: completed')).toBeLessThan(text.indexOf('protocol_error'));
    socket.destroy();
  });
});

describe('a job that Redis has forgotten', () => {
  it('ends for its viewers, who learn that it is gone', async () => {
    const ws = await WsClient.connect(hub.url);
    const redis = new Redis(testRedisUrl());
    // A job that waits, and whose keys vanish, has nobody who could bring it back.
    const blockers = await Promise.all(
      [0, 1].map(() => submit(hub.url, 'pace', { steps: 10_000, everyMs: 1_000 })),
    );
    const lost = await submit(hub.url, 'pace', { steps: 1 });
    const sse = await openStream(`${hub.url}/v1/jobs/${lost.id}/events`);
    await ws.command('subscribe', { job: lost.id, hold: false });
    const keys = await redis.keys(`${KEY_PREFIX}:{${lost.id}}:*`);
    await redis.del(...keys);

    await ws.waitFor(
      () => ws.messages.some(({ code, job }) => code === 'job_not_found' && job === lost.id),
      30_000,
    );
    await within(
      sse.record.until(() => sse.record.isClosed, 30_000),
      30_000,
      'the end of the stream',
    );
    expect((await fetch(`${hub.url}/v1/jobs/${lost.id}/events`)).status).toBe(404);
    await Promise.all(
      blockers.map((blocker) => call(`${hub.url}/v1/jobs/${blocker.id}`, { method: 'DELETE' })),
    );
    redis.disconnect();
    await ws.close();
  }, 60_000);
});
