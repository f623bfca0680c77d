// Lines 51 to 54: whatever a client sends, it is answered or sent away, and its neighbour notices nothing.
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import type { AppProcess } from '../support/app-process.js';
import { WsClient, submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { descriptors, subscribedFeeds } from '../support/leaks.js';
import { paceOnly, removePaceOnly } from '../support/pace-only.js';
import {
  OPCODE,
  RawWebSocket,
  clientFrame,
  openSocket,
  upgradeRequest,
} from '../support/raw-websocket.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { waitFor, within } from '../support/wait.js';
import { Watcher } from '../support/watcher.js';

/** What the hub may hold for one connection that takes nothing. */
const MAX_UNSENT_BYTES = 256 * 1_024;
const input = { steps: 20, everyMs: 20 };

let hub: Cluster;
let neighbours: Watcher[];

beforeAll(async () => {
  const env = { MODELS_DIR: await paceOnly(), WORKER_SLOTS: '3', SLOW_VIEWER_MS: '4000' };
  hub = await startCluster({ gateways: 1, env });
}, 60_000);

afterAll(removePaceOnly);

// A healthy job beside every fault, by both transports: it must go on undisturbed.
beforeEach(async () => {
  const { id: job } = await submit(hub.api, 'pace', input);
  const common = { job, gateways: hub.gatewayUrls, foldOf: sampleFold('pace') };
  neighbours = (['ws', 'sse'] as const).map((transport) => new Watcher({ ...common, transport }));
});

afterEach(async () => {
  for (const neighbour of neighbours) {
    const seen = await neighbour.ended();
    expect(seen.faults).toEqual([]);
    expect(neighbour.connects).toBe(1);
    expect(stateFaults('pace', input, seen.state)).toEqual([]);
  }
});

const gateway = (): AppProcess => {
  const [first] = hub.gateways;
  if (first === undefined) throw new Error('no gateway');
  return first;
};

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway().url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
}

const ping = { op: 'ping', id: 'after' };
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('a WebSocket message that is no command', () => {
  it.each([
    ['bad JSON', '{', 'malformed_json'],
    ['an array', '[1]', 'invalid_input'],
    ['a text', '"ping"', 'invalid_input'],
    ['null', 'null', 'invalid_input'],
    ['nothing', '', 'malformed_json'],
    ['an unknown op', '{"op":"dance"}', 'unknown_op'],
    ['an op of the prototype', '{"op":"constructor"}', 'unknown_op'],
    ['a huge id', `{"op":"ping","id":"${'i'.repeat(60_000)}"}`, 'invalid_input'],
    ['an id that is an object', '{"op":"ping","id":{}}', 'invalid_input'],
    ['10,000 levels', `{"op":"submit","model":"pace","input":${nested(10_000)}}`, 'invalid_input'],
    ['10,000 levels without a command', nested(10_000), 'invalid_input'],
    ['a prototype', '{"op":"subscribe","__proto__":{"job":"x"}}', 'invalid_input'],
  ])('51. %s is answered, and the connection lives', async (_name, text, code) => {
    const raw = await RawWebSocket.connect(gateway().url);
    raw.send(text);
    expect(await raw.answer()).toMatchObject({ op: 'error', code, retryable: false });

    raw.command(ping);

    await waitFor(() => raw.messages.some(({ id }) => id === 'after'));
    expect(raw.closeCode).toBeUndefined();
    raw.destroy();
  });

  it('51. of keys that come twice the last one counts', async () => {
    const raw = await RawWebSocket.connect(gateway().url);
    raw.send('{"op":"dance","id":1,"id":2,"op":"ping"}');

    expect(await raw.answer()).toMatchObject({ op: 'ok', id: 2 });
    raw.destroy();
  });

  it('51. binary is answered, and the connection lives', async () => {
    const raw = await RawWebSocket.connect(gateway().url);
    raw.send(JSON.stringify(ping), { opcode: OPCODE.binary });
    expect(await raw.answer()).toMatchObject({ op: 'error', code: 'malformed_json' });

    raw.command(ping);

    await waitFor(() => raw.messages.some(({ id }) => id === 'after'));
    raw.destroy();
  });
});

describe('a WebSocket frame that breaks the protocol', () => {
  const text = JSON.stringify(ping);
  const many = (count: number, payload = ''): Buffer[] =>
    Array.from({ length: count }, () =>
      clientFrame(payload, { opcode: OPCODE.continuation, fin: false }),
    );

  it.each<[string, number, () => Buffer[]]>([
    ['invalid UTF-8', 1007, () => [clientFrame(Buffer.from([0x7b, 0xff, 0xfe]))]],
    [
      'invalid UTF-8 across fragments',
      1007,
      () => [
        clientFrame(Buffer.from([0xc3]), { fin: false }),
        clientFrame(Buffer.from([0x28]), { opcode: OPCODE.continuation }),
      ],
    ],
    ['reserved bits', 1002, () => [clientFrame(text, { rsv: 1 })]],
    ['the bit of compression, which was not agreed', 1002, () => [clientFrame(text, { rsv: 4 })]],
    ['a reserved opcode', 1002, () => [clientFrame(text, { opcode: 3 })]],
    ['an unmasked frame', 1002, () => [clientFrame(text, { isMasked: false })]],
    [
      'an oversized control frame',
      1002,
      () => [clientFrame('p'.repeat(126), { opcode: OPCODE.ping })],
    ],
    [
      'a fragmented control frame',
      1002,
      () => [clientFrame('p', { opcode: OPCODE.ping, fin: false })],
    ],
    ['a continuation of nothing', 1002, () => [clientFrame(text, { opcode: OPCODE.continuation })]],
    [
      'a new message inside another',
      1002,
      () => [clientFrame('{', { fin: false }), clientFrame(text)],
    ],
    [
      'a close code that does not exist',
      1002,
      () => [clientFrame(Buffer.from([3, 0xed]), { opcode: OPCODE.close })],
    ],
    ['a message over the limit', 1009, () => [clientFrame('x'.repeat(65_537))]],
    [
      'a message over the limit in fragments',
      1009,
      () => [clientFrame('x', { fin: false }), ...many(3, 'x'.repeat(30_000))],
    ],
    [
      'the head of a message of 2^62 bytes',
      1009,
      () => [Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
    ],
    ['100,000 tiny fragments', 1008, () => [clientFrame('{', { fin: false }), ...many(100_000)]],
  ])('51. %s closes with %i', async (_name, code, frames) => {
    const raw = await RawWebSocket.connect(gateway().url);
    raw.socket.write(Buffer.concat(frames()));
    await waitFor(() => raw.closeCode !== undefined, 20_000);

    expect(raw.closeCode).toBe(code);
    await waitFor(() => raw.isEnded, 20_000);
  });

  it('51. a message in fragments, with a ping between them, is as good as a whole one', async () => {
    const raw = await RawWebSocket.connect(gateway().url);
    raw.send(text.slice(0, 5), { fin: false });
    raw.send('between', { opcode: OPCODE.ping });
    raw.send(text.slice(5), { opcode: OPCODE.continuation });

    expect(await raw.answer()).toMatchObject({ op: 'ok', id: 'after' });
    await waitFor(() => raw.pongs.length > 0);
    expect(raw.pongs).toEqual(['between']);
    raw.destroy();
  });
});

describe('a client that sends and does not read', () => {
  it.each([
    ['commands', () => clientFrame(JSON.stringify({ op: 'ping', id: 'i'.repeat(128) }))],
    ['pings', () => clientFrame('p'.repeat(125), { opcode: OPCODE.ping })],
  ])(
    '51. %s: makes nothing grow, and is sent away',
    async (_name, frame) => {
      const closes = await metric('stepcast_slow_closes_total');
      const socket = await openSocket(gateway().url);
      socket.write(upgradeRequest());
      await within(once(socket, 'data'), 10_000, 'the upgrade');
      socket.pause();
      const flood = Buffer.concat(Array.from({ length: 500 }, frame));
      let most = 0;
      // As fast as the hub takes it, until it has had enough.
      while ((await metric('stepcast_slow_closes_total')) === closes) {
        for (let i = 0; i < 20 && !socket.writableNeedDrain; i++) socket.write(flood);
        most = Math.max(most, await metric('stepcast_unsent_bytes'));
      }

      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThan(MAX_UNSENT_BYTES);
      socket.destroy();
    },
    60_000,
  );
});

describe('a request for a WebSocket', () => {
  const answerTo = async (request: string): Promise<string> => {
    const socket = await openSocket(gateway().url);
    socket.write(request);
    const [data] = (await within(once(socket, 'data'), 10_000, 'an answer')) as [Buffer];
    socket.destroy();
    return data.toString('latin1');
  };
  const own = () => new URL(gateway().url).host;

  it.each<[string, Record<string, string>, number]>([
    ['of a foreign origin', { Origin: 'https://evil.example' }, 403],
    ['of an origin that is none', { Origin: 'null' }, 403],
    ['of an origin that only looks like ours', { Origin: 'http://127.0.0.1.evil.example' }, 403],
    ['without an origin, as programs send it', {}, 101],
    ['without our subprotocol', { 'Sec-WebSocket-Protocol': 'chat' }, 101],
    ['with a broken list of subprotocols', { 'Sec-WebSocket-Protocol': 'a,,b' }, 400],
    ['of version 12', { 'Sec-WebSocket-Version': '12' }, 400],
    ['without a version', { 'Sec-WebSocket-Version': '' }, 400],
    ['without a key', { 'Sec-WebSocket-Key': '' }, 400],
    ['with a key that is none', { 'Sec-WebSocket-Key': 'short' }, 400],
  ])('52. %s is answered: %j → %i', async (_name, headers, status) => {
    const answer = await answerTo(upgradeRequest('/v1/ws', headers));

    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    // What was not offered is not chosen (RFC 6455 §4.2.2).
    expect(answer).not.toMatch(/\nsec-websocket-protocol:/i);
  });

  it('52. of our own origin, with our subprotocol among others, is accepted with it', async () => {
    const headers = {
      Host: own(),
      Origin: `http://${own()}`,
      'Sec-WebSocket-Protocol': 'x, stepcast.v1.json',
    };
    const answer = await answerTo(upgradeRequest('/v1/ws', headers));

    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    expect(answer).toMatch(/sec-websocket-protocol: stepcast\.v1\.json/i);
  });

  it('52. that sends its headers a byte at a time is cut, as is such a stream', async () => {
    const { id } = await submit(hub.api, 'pace', { steps: 1 });
    const requests = [upgradeRequest(), `GET /v1/jobs/${id}/events HTTP/1.1\r\nHost: x\r\n`];
    const cut = requests.map(async (request) => {
      const socket = await openSocket(gateway().url);
      let answer = '';
      socket.on('data', (data: Buffer) => (answer += data.toString()));
      const closed = once(socket, 'close');
      let at = 0;
      // Ends before the empty line that would end the head, however long it takes.
      const timer = setInterval(
        () => socket.write(request[at++ % (request.length - 4)] ?? 'x'),
        200,
      );
      await within(closed, 40_000, 'the end of a slow request');
      clearInterval(timer);
      return answer;
    });

    for (const answer of await Promise.all(cut)) expect(answer).toMatch(/^(HTTP\/1\.1 408 .*)?$/s);
  }, 60_000);
});

describe('a connection that wants too much', () => {
  it('53. 1,000 subscribes: the 101st is refused, and the connection lives', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 120 }, () => submit(hub.api, 'pace', { steps: 1_000, everyMs: 1_000 })),
    );
    const client = await WsClient.connect(gateway().url);
    const subscribe = (index: number) =>
      client.command('subscribe', { job: jobs[index % jobs.length]?.id, hold: false });
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => subscribe(index)),
    );

    const codes = replies.map(({ op, code }) => (op === 'ok' ? 'ok' : code));
    expect(codes.filter((code) => code === 'ok')).toHaveLength(100);
    expect(new Set(codes)).toEqual(new Set(['ok', 'too_many_jobs']));
    expect(codes[100]).toBe('too_many_jobs');
    expect(await client.command('ping')).toMatchObject({ op: 'ok' });
    await client.command('unsubscribe', { job: jobs[0]?.id });
    expect(await subscribe(110)).toMatchObject({ op: 'ok' });
    await client.close();
    await Promise.all(
      jobs.map(({ id }) => fetch(`${hub.api}/v1/jobs/${id}`, { method: 'DELETE' })),
    );
  }, 60_000);

  it('54. subscribe and unsubscribe, 1,000 a second: nothing is left of it', async () => {
    await Promise.all(neighbours.map((neighbour) => neighbour.ended()));
    const baseline = await quietBaseline();
    const jobs = await Promise.all(
      Array.from({ length: 20 }, () =>
        submit(hub.api, 'pace', { steps: 1_000, everyMs: 1_000 }, { firstAttachMs: 600_000 }),
      ),
    );
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => WsClient.connect(gateway().url)),
    );
    const startedAt = Date.now();
    let turns = 0;
    await Promise.all(
      clients.map(async (client, index) => {
        for (let turn = index; Date.now() - startedAt < 5_000; turn++) {
          const { id: job } = jobs[turn % jobs.length] ?? {};
          const hold = turn % 2 === 0;
          const replies = await Promise.all([
            client.command('subscribe', { job, hold }),
            client.command('unsubscribe', { job }),
          ]);
          if (replies.some(({ op }) => op !== 'ok')) throw new Error(JSON.stringify(replies));
          turns++;
        }
      }),
    );
    await Promise.all(clients.map((client) => client.close()));

    // About 1,000 a second where nothing else runs; a busy machine makes fewer.
    expect(turns).toBeGreaterThan(200);
    await waitFor(async () => (await quietBaseline()) === baseline, 20_000);
    await Promise.all(
      jobs.map(({ id }) => fetch(`${hub.api}/v1/jobs/${id}`, { method: 'DELETE' })),
    );
  }, 60_000);

  /** What must be back where it was: as text, so that a difference shows. */
  async function quietBaseline(): Promise<string> {
    await waitFor(async () => (await metric('stepcast_channels')) === 0, 20_000);
    const names = ['connections', 'channels', 'viewers', 'held_jobs', 'channel_memory_bytes'];
    const values = await Promise.all(names.map((name) => metric(`stepcast_${name}`)));
    const feeds = await subscribedFeeds(hub.client, hub.prefix);
    const leases = await hub.client.keys(`${hub.prefix}:*:leases`);
    // Keep-alive connections of this process come and go, a few at a time.
    const files = Math.round((await descriptors(gateway().pid)) / 10);
    return JSON.stringify({ values, feeds, leases, files });
  }
});
