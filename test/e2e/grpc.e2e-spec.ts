import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Metadata, type Client } from '@grpc/grpc-js';
import { createProto, loadRegistry } from '@stepcast/models';

import { buf } from '../support/buf.js';
import { call } from '../support/clients.js';
import { newGrpcJsClient, startGrpcJs, type GrpcCall, type Json } from '../support/grpc-clients.js';
import { metric } from '../support/insight.js';
import { startApp, uniquePrefix, waitFor, within, type AppProcess } from '../support/stepcast.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

let hub: AppProcess;
let folder: string;
let proto: string;
let client: Client;

beforeAll(async () => {
  hub = await startApp('standalone', {
    ...{ KEY_PREFIX: uniquePrefix(), WORKER_SLOTS: '1' },
    // A stream that a test does not read must outlive the test, on a busy machine, too.
    SLOW_VIEWER_MS: '300000',
  });
  folder = await mkdtemp(path.join(tmpdir(), 'stepcast-grpc-'));
  const registry = await loadRegistry(`${root}/models`);
  proto = path.join(folder, 'stepcast.proto');
  const manifests = registry.list().map(({ name }) => registry.manifest(name));
  await writeFile(proto, createProto(manifests).text);
  client = newGrpcJsClient(hub.grpc, proto);
}, 120_000);

afterAll(async () => {
  client.close();
  await rm(folder, { recursive: true, force: true });
});

const CURL = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge'];

const metadataOf = (entries: Record<string, string> = {}): Metadata => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
};

const start = (method: string, input: Json, entries: Record<string, string> = {}, from = client) =>
  startGrpcJs(from, method, input, { metadata: metadataOf(entries) });

const idle = (): Promise<void> =>
  waitFor(async () => (await metric(hub, 'stepcast_worker_busy_slots')) === 0, 20_000);

const statusOf = async (job: unknown): Promise<unknown> =>
  (await call(`${hub.url}/v1/jobs/${String(job)}`)).body['status'];

const jobOf = ({ messages }: GrpcCall): string => String(messages[0]?.['job']);

describe('a bad request', () => {
  it.each<[string, Json, Record<string, string>, string, RegExp]>([
    ['a missing field', { steps: 5 }, {}, 'RunSketch', /^prompt: /],
    ['a number out of its range', { prompt: '', steps: 0 }, {}, 'RunSketch', /^steps: .*>=1/],
    ['two faults at once', { steps: 0, every_ms: -1 }, {}, 'RunPace', /steps: .*; everyMs: /],
    [
      'metadata that are no number',
      { steps: 1 },
      { 'stepcast-priority': 'high' },
      'RunPace',
      /^stepcast-priority: .*expected number/,
    ],
    [
      'an unknown policy',
      { steps: 1 },
      { 'stepcast-on-disconnect': 'maybe' },
      'RunPace',
      /^stepcast-on-disconnect: .*cancel.*continue/,
    ],
    [
      'an empty key',
      { steps: 1 },
      { 'stepcast-idempotency-key': '' },
      'RunPace',
      /^stepcast-idempotency-key: /,
    ],
  ])('with %s is refused, saying where', async (_what, input, entries, method, details) => {
    const camel = Object.fromEntries(
      Object.entries(input).map(([key, value]) => [key.replace('_ms', 'Ms'), value]),
    );

    const end = await start(method, camel, entries).ended;

    expect(end).toEqual({ status: 'INVALID_ARGUMENT', details: expect.stringMatching(details) });
  });

  it('larger than 1 MiB is refused, and the connection lives on', async () => {
    const large = start('RunWriter', { prompt: 'x'.repeat(1_100_000) });

    expect(await large.ended).toMatchObject({ status: 'RESOURCE_EXHAUSTED' });
    expect(await start('RunPace', { steps: 1, everyMs: 0 }).ended).toMatchObject({ status: 'OK' });
  });

  it('for a method that does not exist is refused', async () => {
    const bytes = (): Buffer => Buffer.alloc(0);
    const ended = new Promise((resolve) => {
      const path = '/stepcast.v1.InferenceService/PredictNobody';
      client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), (error) => {
        resolve(error?.code);
      });
    });

    expect(await ended).toBe(12);
  });

  it('of bytes that are no message is refused, saying what to do', async () => {
    const bytes = (value: Buffer): Buffer => value;
    const details = new Promise((resolve) => {
      const path = '/stepcast.v1.InferenceService/RunPace';
      client.makeUnaryRequest(path, bytes, bytes, Buffer.from([0xff, 0xff]), (error) => {
        resolve(`${error?.code} ${error?.details}`);
      });
    });

    expect(await details).toMatch(/^3 .*make the client from the present proto/);
  });
});

describe('the end of a call', () => {
  it('that fails has the status and the code of the table, behind the events', async () => {
    const one = start('PredictPace', { steps: 5, everyMs: 1, fail: 3 });
    const trailers = new Promise<Metadata>((resolve) => {
      one.raw.on('status', ({ metadata }) => {
        resolve(metadata);
      });
    });

    expect(await one.ended).toMatchObject({ status: 'INTERNAL' });
    expect(one.messages.filter(({ type }) => type === 'step')).toHaveLength(2);
    expect((await trailers).getMap()).toMatchObject({
      'stepcast-code': 'model_error',
      'stepcast-job': jobOf(one),
    });
  });

  it('names its job before the first event, and a normal end cancels nothing', async () => {
    const one = start('PredictPace', { steps: 3, everyMs: 1 });
    const initial = new Promise<Metadata>((resolve) => {
      one.raw.on('metadata', resolve);
    });

    const job = String((await initial).get('stepcast-job')[0]);

    expect(await one.ended).toMatchObject({ status: 'OK' });
    expect(job).toBe(jobOf(one));
    expect(await statusOf(job)).toBe('completed');
    // `cancelled` of the server comes after the end, too, and must not be counted.
    const ended = (code: string) =>
      metric(hub, 'stepcast_grpc_ended_calls_total', `method="PredictPace",code="${code}"`, 0);
    const open = () => metric(hub, 'stepcast_grpc_open_calls');
    await waitFor(async () => (await open()) === 0);
    expect([await ended('OK'), await ended('CANCELLED')]).toEqual([1, 0]);
  });

  it('by another, through REST, is CANCELLED', async () => {
    const one = start('PredictPace', { steps: 1000, everyMs: 20 });
    await waitFor(() => one.messages.length > 2);

    await call(`${hub.url}/v1/jobs/${jobOf(one)}`, { method: 'DELETE' });

    expect(await one.ended).toMatchObject({ status: 'CANCELLED', details: /client/ as unknown });
    await idle();
  });

  it('by another, for a reason that is no UTF-8, is CANCELLED, and the hub lives on', async () => {
    const one = start('PredictPace', { steps: 1000, everyMs: 20 });
    await waitFor(() => one.messages.length > 2);

    // As it is in JSON: half of a surrogate pair.
    const body = String.raw`{"reason":"a\ud800b"}`;
    const headers = { 'content-type': 'application/json' };
    await fetch(`${hub.url}/v1/jobs/${jobOf(one)}`, { method: 'DELETE', headers, body });

    expect(await within(one.ended, 20_000, 'the end')).toEqual({
      status: 'CANCELLED',
      details: 'cancelled (client): a\ufffdb',
    });
    await idle();
    expect(await start('RunPace', { steps: 1, everyMs: 0 }).ended).toMatchObject({ status: 'OK' });
  }, 60_000);

  it('with policy continue leaves the job running', async () => {
    const one = start(
      'PredictPace',
      { steps: 40, everyMs: 20 },
      { 'stepcast-on-disconnect': 'continue' },
    );
    await waitFor(() => one.messages.length > 2);

    one.cancel();
    await one.ended;

    await waitFor(async () => (await statusOf(jobOf(one))) !== 'running', 20_000);
    expect(await statusOf(jobOf(one))).toBe('completed');
  });

  it('of a job that waits in line takes it out of the queue', async () => {
    const first = start('PredictPace', { steps: 1000, everyMs: 20 });
    await waitFor(() => first.messages.length > 2);
    const second = start('PredictPace', { steps: 1000, everyMs: 20 });
    await waitFor(() => second.messages.length > 0);

    second.cancel();
    await waitFor(async () => (await statusOf(jobOf(second))) !== 'queued', 20_000);
    expect(await statusOf(jobOf(second))).toBe('cancelled');
    expect(await statusOf(jobOf(first))).toBe('running');
    first.cancel();

    await idle();
  });

  it('stands for the same job with the same idempotency key', async () => {
    const key = { 'stepcast-idempotency-key': `k${process.pid}` };
    const input = { steps: 3, everyMs: 1 };
    const first = start('PredictPace', input, key);
    await first.ended;

    const second = start('PredictPace', input, key);
    const other = start('PredictPace', { ...input, steps: 4 }, key);

    expect(await second.ended).toMatchObject({ status: 'OK' });
    expect(second.messages).toEqual(first.messages);
    expect(await other.ended).toMatchObject({ status: 'ALREADY_EXISTS' });
  });
});

describe('one connection', () => {
  it('carries many streams, of which one that is not read keeps no other waiting', async () => {
    const stuck = start('PredictPace', { steps: 80, everyMs: 0, bytes: 100_000 });
    stuck.raw.pause();
    await waitFor(async () => (await metric(hub, 'stepcast_unsent_bytes')) > 65_535, 20_000);

    const others = Array.from({ length: 50 }, () => start('PredictPace', { steps: 5, everyMs: 1 }));
    const ends = await within(Promise.all(others.map(({ ended }) => ended)), 60_000, 'the others');

    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['OK']));
    expect(others.every(({ messages }) => messages.length === 8)).toBe(true);
    expect(await metric(hub, 'stepcast_unsent_bytes')).toBeLessThan(65_536 + 262_144);

    stuck.raw.resume();
    expect(await within(stuck.ended, 60_000, 'the stuck one')).toMatchObject({ status: 'OK' });
    expect(stuck.messages.at(-1)).toMatchObject({ type: 'completed' });
    expect(stuck.messages.map(({ seq }) => seq)).toEqual(
      stuck.messages.map((_message, index) => index + 1),
    );
  }, 120_000);

  it('has a limit of open calls, above which calls wait', async () => {
    const gateway = await startApp('gateway', {
      KEY_PREFIX: uniquePrefix(),
      GRPC_MAX_CALLS_PER_CONNECTION: '2',
    });
    const own = newGrpcJsClient(gateway.grpc, proto);
    const waiting = Array.from({ length: 3 }, () => start('PredictPace', { steps: 1 }, {}, own));
    await waitFor(() => waiting.filter(({ messages }) => messages.length > 0).length === 2);
    expect(await metric(gateway, 'stepcast_grpc_open_calls')).toBe(2);

    waiting.find(({ messages }) => messages.length > 0)?.cancel();

    await waitFor(() => waiting.every(({ messages }) => messages.length > 0));
    for (const one of waiting) one.cancel();
    own.close();
  }, 60_000);
});

describe('the server', () => {
  it('that drains ends calls with UNAVAILABLE, job and position, and the job goes on', async () => {
    const prefix = uniquePrefix();
    const env = { KEY_PREFIX: prefix, DRAIN_WINDOW_MS: '100' };
    const [gateway, api] = await Promise.all([
      startApp('gateway', env),
      startApp('api', env),
      startApp('worker', env),
    ]);
    const own = newGrpcJsClient(gateway.grpc, proto);
    const one = start('PredictPace', { steps: 100, everyMs: 20 }, {}, own);
    const trailers = new Promise<Metadata>((resolve) => {
      one.raw.on('status', ({ metadata }) => {
        resolve(metadata);
      });
    });
    await waitFor(() => one.messages.length > 3, 20_000);

    const exit = gateway.kill('SIGTERM');

    expect(await one.ended).toMatchObject({ status: 'UNAVAILABLE' });
    const last = one.messages.at(-1)?.['seq'];
    expect((await trailers).getMap()).toMatchObject({
      'stepcast-code': 'draining',
      'stepcast-job': jobOf(one),
      'stepcast-position': expect.stringMatching(new RegExp(`\\.${String(last)}$`)),
    });
    expect(await exit).toBe(0);
    own.close();
    const url = `${api.url}/v1/jobs/${jobOf(one)}`;
    await waitFor(async () => (await call(url)).body['status'] === 'completed', 20_000);
  }, 120_000);

  it('says what to do when its port is taken', async () => {
    const port = hub.grpc.split(':')[1] ?? '';

    const second = startApp('gateway', { KEY_PREFIX: uniquePrefix(), GRPC_PORT: port });

    await expect(second).rejects.toThrow(
      new RegExp(`Cannot listen for gRPC on 127.0.0.1:${port}.*set GRPC_PORT to another port`),
    );
  }, 60_000);

  it('serves the others when proto cannot express a model, and says why', async () => {
    const models = path.join(folder, 'models');
    await mkdir(path.join(models, 'either'), { recursive: true });
    await mkdir(path.join(models, 'fine'), { recursive: true });
    const code = (name: string, type: string): string => `
      import { defineModel, z } from '@stepcast/models';
      export default defineModel({ name: '${name}', description: 'Echoes.',
        input: z.object({ x: ${type} }), output: z.object({ x: ${type} }), run: (input) => input });`;
    const either = code('either', 'z.union([z.string(), z.int()])');
    await writeFile(path.join(models, 'either/model.ts'), either);
    await writeFile(path.join(models, 'fine/model.ts'), code('fine', 'z.string()'));
    const gateway = await startApp('gateway', { KEY_PREFIX: uniquePrefix(), MODELS_DIR: models });
    const own = newGrpcJsClient(gateway.grpc, proto);

    const list = start('ListModels', {}, {}, own);
    expect(await list.ended).toEqual({ status: 'OK', details: 'OK' });
    own.close();

    expect(list.messages[0]?.['models']).toEqual([
      expect.objectContaining({
        name: 'either',
        unserved: expect.stringMatching(/input\.x: a union: .*use one type/),
      }),
      expect.objectContaining({
        name: 'fine',
        methods: ['stepcast.v1.InferenceService/PredictFine'],
      }),
    ]);
    expect(gateway.log.some((line) => /"level":50.*input\.x/.test(line))).toBe(true);
  }, 60_000);

  it('serves a model anew when it was saved', async () => {
    const models = path.join(folder, 'growing');
    await mkdir(path.join(models, 'echo'), { recursive: true });
    const save = (name: string): Promise<void> =>
      writeFile(
        path.join(models, 'echo/model.ts'),
        `import { defineModel, z } from '@stepcast/models';
        export default defineModel({ name: '${name}', description: 'Echoes.',
          input: z.object({ x: z.string() }), output: z.object({ x: z.string() }), run: (input) => input });`,
      );
    await save('echo');
    const env = { KEY_PREFIX: uniquePrefix(), MODELS_DIR: models, MODELS_WATCH: 'true' };
    const app = await startApp('standalone', env);
    const list = async (): Promise<string> =>
      (await buf([...CURL, '--list-methods', `http://${app.grpc}`])).stdout;
    expect(await list()).toContain('PredictEcho');

    await save('parrot');

    await waitFor(async () => (await list()).includes('PredictParrot'), 30_000);
    expect(await list()).not.toContain('PredictEcho');
    const method = `http://${app.grpc}/stepcast.v1.InferenceService/PredictParrot`;
    const answer = await buf([...CURL, '-d', '{"x":"hello"}', method]);
    expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining('hello') });
  }, 90_000);
});
