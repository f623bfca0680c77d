// Faults 51–54 of docs/testing.md: whatever a client sends, it is answered or sent away, and its neighbour notices nothing.
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import type { AppProcess } from '../support/app-process.js';
import { WsClient, submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { metric } from '../support/insight.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { paceOnly, removePaceOnly } from '../support/pace-only.js';
import {
  OPCODE,
  RawWebSocket,
  clientFrame,
  openSocket,
  upgradeRequest,
} from '../support/raw-websocket.js';
import {
  allEnded,
  cancel,
  viewerFaults,
  watchEverywhere,
  type SubmittedJob,
} from '../support/viewers.js';
import { waitFor, within } from '../support/wait.js';
import type { Watcher } from '../support/watcher.js';

/** What the hub may hold for one connection that takes nothing. */
const MAX_UNSENT_BYTES = 256 * 1_024;
/** So that there are leases, and that nobody's leaving ends a job before the test does. */
const HELD = { onDisconnect: { policy: 'cancel', graceMs: 600_000 }, firstAttachMs: 600_000 };
/** Without an end, so that it lives through whatever a test takes. */
const input = { steps: 100_000, everyMs: 50 };

let hub: Cluster;
let baseline: Baseline;
let neighbour: SubmittedJob;
let neighbours: Watcher[];

beforeAll(async () => {
  const env = { MODELS_DIR: await paceOnly(), WORKER_SLOTS: '3', SLOW_VIEWER_MS: '4000' };
  hub = await startCluster({ gateways: 1, env });
  // A gateway connects to the queues with its first submission, and stays connected.
  const ws = await WsClient.connect(gateway().url);
  await ws.record(await ws.submit('pace', { steps: 1, everyMs: 0 })).ended();
  await ws.close();
  baseline = await baselineOf(hub);
}, 60_000);

afterAll(removePaceOnly);

// A healthy job beside every fault, by both transports: it must go on undisturbed.
beforeEach(async () => {
  const { id } = await submit(hub.api, 'pace', input, HELD);
  neighbour = { id, model: 'pace', input };
  neighbours = watchEverywhere(hub, neighbour);
  await theySee(1);
}, 30_000);

afterEach(() => expectUndisturbed(), 60_000);

/** Of the neighbour's whole life, which ends here. */
async function expectUndisturbed(): Promise<void> {
  if (neighbours.length === 0) return;
  // It still gets what comes now, behind the fault.
  await theySee(1 + Math.max(...neighbours.map(countSteps)));
  await cancel(hub, neighbour);
  await allEnded(neighbours);

  expect(await viewerFaults(hub, neighbour, neighbours, 'cancelled')).toEqual([]);
  expect(neighbours.map(({ connects }) => connects)).toEqual([1, 1]);
  neighbours = [];
}

const countSteps = ({ seen }: Watcher) => seen.types.filter((type) => type === 'step').length;

const theySee = (steps: number) =>
  waitFor(() => neighbours.every((watcher) => countSteps(watcher) >= steps), 20_000);

const gateway = (): AppProcess => {
  const [first] = hub.gateways;
  if (first === undefined) throw new Error('no gateway');
  return first;
};

const valueOf = (name: string) => metric(gateway(), name);

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
      const closes = await valueOf('stepcast_slow_closes_total');
      const socket = await openSocket(gateway().url);
      socket.write(upgradeRequest());
      await within(once(socket, 'data'), 10_000, 'the upgrade');
      socket.pause();
      const flood = Buffer.concat(Array.from({ length: 500 }, frame));
      let most = 0;
      // As fast as the hub takes it, until it has had enough.
      while ((await valueOf('stepcast_slow_closes_total')) === closes) {
        for (let i = 0; i < 20 && !socket.writableNeedDrain; i++) socket.write(flood);
        most = Math.max(most, await valueOf('stepcast_unsent_bytes'));
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
  const TURNS_MS = 15_000;
  /** Two cores that do little else make 3,000; ten busy processes beside it leave more than this. */
  const MIN_TURNS_PER_S = 100;

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
    await Promise.all(jobs.map((job) => cancel(hub, job)));
  }, 60_000);

  it('54. subscribe and unsubscribe for 15 s, at least 100 times a second: nothing is left of it', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 20 }, () => submit(hub.api, 'pace', { steps: 1_000 }, HELD)),
    );
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => WsClient.connect(gateway().url)),
    );
    const startedAt = Date.now();
    let turns = 0;
    let mostLeases = 0;
    await Promise.all(
      clients.map(async (client, index) => {
        for (let turn = index; Date.now() - startedAt < TURNS_MS; turn++) {
          const { id: job } = jobs[turn % jobs.length] ?? {};
          const hold = turn % 2 === 0;
          const replies = await Promise.all([
            client.command('subscribe', { job, hold }),
            client.command('unsubscribe', { job }),
          ]);
          if (replies.some(({ op }) => op !== 'ok')) throw new Error(JSON.stringify(replies));
          turns++;
          if (turns % 100 === 0) mostLeases = Math.max(mostLeases, (await leases()).length);
        }
      }),
    );
    await Promise.all(clients.map((client) => client.close()));

    expect(turns).toBeGreaterThan((MIN_TURNS_PER_S * TURNS_MS) / 1_000);
    expect(mostLeases).toBeGreaterThan(0);
    // Those of the neighbour are all that stays.
    await waitFor(async () => {
      const names = ['channels', 'viewers', 'held_jobs'];
      const values = await Promise.all(names.map((name) => valueOf(`stepcast_${name}`)));
      return values.join() === '1,2,1';
    }, 30_000);
    expect(await leases()).toEqual([`${hub.prefix}:{${neighbour.id}}:holders`]);
    await Promise.all(jobs.map((job) => cancel(hub, job)));
  }, 90_000);

  const leases = () => hub.client.keys(`${hub.prefix}:*:holders`);
});

describe('afterwards', () => {
  it('no connection, subscription, lease, key without an end or descriptor is left', async () => {
    await expectUndisturbed();

    await expectNothingLeft(hub, baseline);
  }, 60_000);
});
