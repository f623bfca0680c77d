import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createProto, loadRegistry } from '@stepcast/models';

import { call } from '../support/clients.js';
import {
  openBufCurl,
  openGrpcClients,
  type GrpcCall,
  type GrpcClient,
  type Json,
} from '../support/grpc-clients.js';
import { metric } from '../support/insight.js';
import { startApp, uniquePrefix, waitFor, within, type AppProcess } from '../support/stepcast.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Jobs that run at a time. */
const SLOTS = 4;

let hub: AppProcess;
let folder: string;
let clients: GrpcClient[];

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix(), WORKER_SLOTS: String(SLOTS) });
  folder = await mkdtemp(path.join(tmpdir(), 'stepcast-grpc-'));
  const registry = await loadRegistry(`${root}/models`);
  const { text } = createProto(registry.list().map(({ name }) => registry.manifest(name)));
  await writeFile(path.join(folder, 'stepcast.proto'), text);
  clients = await openGrpcClients(hub.grpc, path.join(folder, 'stepcast.proto'));
}, 120_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await rm(folder, { recursive: true, force: true });
});

const CLIENTS = ['@grpc/grpc-js', 'buf curl', '@connectrpc/connect-node'];

const clientOf = (name: string): GrpcClient => {
  const client = clients.find((one) => one.name === name);
  if (client === undefined) throw new Error(`no client ${name}`);
  return client;
};

/** What a model is asked, how much it says of it, and what takes long. */
const streaming = [
  {
    model: 'Sketch',
    input: { prompt: 'a big red circle on white', steps: 6, seed: 7 },
    type: 'step',
    count: 6,
    output: { width: 64, height: 64, seed: 7 },
    long: { prompt: 'a big red circle on white', steps: 1000 },
    deadlineMs: 1_000,
  },
  {
    model: 'Writer',
    input: { prompt: 'Once upon a time', maxTokens: 6, temperature: 0, seed: 1 },
    type: 'token',
    count: 6,
    output: { tokens: 6, finishReason: 'FINISH_REASON_LENGTH', seed: 1 },
    // 236 tokens, which take half a second or less.
    long: { prompt: 'Once upon a time', maxTokens: 500, temperature: 1, seed: 7 },
    deadlineMs: 100,
  },
  {
    model: 'Pace',
    input: { steps: 6, everyMs: 1 },
    type: 'step',
    count: 6,
    output: { steps: 6 },
    long: { steps: 1000, everyMs: 20 },
    deadlineMs: 1_000,
  },
];

const table = CLIENTS.flatMap((client) => streaming.map((model) => ({ client, ...model })));

/** int64 is a string in JSON of proto, and a number elsewhere. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/"(\d{1,15})"/g, '$1'));

const typesOf = ({ messages }: GrpcCall): unknown[] => messages.map(({ type }) => type);

/** Nothing runs any more. */
async function expectIdle(): Promise<void> {
  await waitFor(async () => (await metric(hub, 'stepcast_worker_busy_slots')) === 0, 20_000);
}

/** The newest job of a model was cancelled, because its call had been left or for the time that it took. */
async function expectCancelled(model: string, by: string): Promise<void> {
  const newest = async () => {
    const { body } = await call<{ jobs: Json[] }>(`${hub.url}/v1/jobs?model=${model}&limit=1`);
    return body.jobs[0];
  };
  await waitFor(async () => (await newest())?.['finishedAt'] !== null, 20_000);
  expect(await newest()).toMatchObject({ status: 'cancelled', cancel: { by } });
}

describe.each(CLIENTS)('%s', (name) => {
  it('lists the models and their methods', async () => {
    const list = clientOf(name).call('ListModels', {});

    expect(await list.ended).toMatchObject({ status: 'OK' });
    expect(list.messages[0]?.['models']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: 'sketch',
          methods: [
            'stepcast.v1.InferenceService/PredictSketch',
            'stepcast.v1.InferenceService/RunSketch',
          ],
        }),
      ]),
    );
  }, 60_000);

  it('calls classify with a picture that sketch has drawn', async () => {
    const drawing = clientOf(name).call('RunSketch', {
      prompt: 'a big red circle on white',
      seed: 3,
    });
    expect(await drawing.ended).toMatchObject({ status: 'OK' });

    const seen = clientOf(name).call('PredictClassify', { image: drawing.messages[0]?.['image'] });

    expect(await seen.ended).toMatchObject({ status: 'OK' });
    expect(seen.messages[0]).toMatchObject({ shape: { label: 'circle' } });
    expect(seen.messages[0]?.['top']).toHaveLength(5);
  }, 60_000);

  it('leaves classify while it waits behind others, and nothing of it runs', async () => {
    const image = Buffer.alloc(3 * 64 * 64 * 4).toString('base64');
    const tensor = { dtype: 'float32', shape: [3, 64, 64], data: image };
    const pace = clientOf('@grpc/grpc-js');
    const busy = Array.from({ length: SLOTS }, () =>
      pace.call('PredictPace', { steps: 1000, everyMs: 60 }),
    );
    await waitFor(async () => (await metric(hub, 'stepcast_worker_busy_slots')) === SLOTS, 20_000);
    const calls = Array.from({ length: 4 }, () =>
      clientOf(name).call('PredictClassify', { tensor }),
    );
    const newest = async () => {
      const url = `${hub.url}/v1/jobs?model=classify&limit=4`;
      return (await call<{ jobs: Json[] }>(url)).body.jobs;
    };
    const are = async (status: string): Promise<boolean> => {
      const jobs = await newest();
      return jobs.length === 4 && jobs.every((job) => job['status'] === status);
    };
    await waitFor(() => are('queued'), 30_000);

    for (const one of calls) one.cancel();

    for (const one of calls) {
      expect(await within(one.ended, 20_000, 'the end')).toMatchObject({ status: 'CANCELLED' });
    }
    await waitFor(() => are('cancelled'), 20_000);
    for (const job of await newest()) {
      expect(job).toMatchObject({ cancel: { by: 'disconnect' } });
    }
    for (const one of busy) one.cancel();
    await expectIdle();
  }, 60_000);

  it('is told what is missing, by its path', async () => {
    const missing = clientOf(name).call('RunPace', { steps: 0 });

    expect(await missing.ended).toEqual({
      status: 'INVALID_ARGUMENT',
      details: expect.stringMatching(/^steps: .*>=1/),
    });
  }, 60_000);
});

describe.each(table)(
  '$client and $model',
  ({ client, model, input, type, count, output, long, deadlineMs }) => {
    it('streams every event, and the output last', async () => {
      const one = clientOf(client).call(`Predict${model}`, input);

      expect(await within(one.ended, 60_000, 'the stream')).toMatchObject({ status: 'OK' });
      expect(typesOf(one).filter((seen) => seen === type)).toHaveLength(count);
      expect(one.messages.map(({ seq }) => Number(seq))).toEqual(
        one.messages.map((_message, index) => index + 1),
      );
      const last = one.messages.at(-1)?.['completed'] as { output: unknown };
      expect(plain(last.output)).toMatchObject(output);
    }, 90_000);

    it('waits for the output alone', async () => {
      const one = clientOf(client).call(`Run${model}`, input);

      expect(await within(one.ended, 60_000, 'the answer')).toMatchObject({ status: 'OK' });
      expect(plain(one.messages)).toMatchObject([output]);
    }, 90_000);

    it('cancels, and the work stops', async () => {
      const one = clientOf(client).call(`Predict${model}`, long);
      await waitFor(() => typesOf(one).filter((seen) => seen === type).length >= 2, 30_000);

      one.cancel();

      expect(await within(one.ended, 20_000, 'the end')).toMatchObject({ status: 'CANCELLED' });
      await expectCancelled(model.toLowerCase(), 'disconnect');
      await expectIdle();
    }, 90_000);

    it('has a deadline, and the work stops', async () => {
      const one = clientOf(client).call(`Predict${model}`, long, { deadlineMs });

      expect(await within(one.ended, 30_000, 'the end')).toMatchObject({
        status: 'DEADLINE_EXCEEDED',
      });
      await expectCancelled(model.toLowerCase(), client === 'buf curl' ? 'timeout' : 'disconnect');
      await expectIdle();
    }, 90_000);
  },
);

describe('grpc.health.v1, through reflection', () => {
  it.each([
    ['', 'SERVING'],
    ['stepcast.v1.InferenceService', 'SERVING'],
    ['sketch', 'SERVING'],
  ])(
    'says of "%s" that it is %s',
    async (service, status) => {
      const check = async (): Promise<unknown> => {
        const one = openBufCurl(hub.grpc, 'grpc.health.v1.Health').call('Check', { service });
        await one.ended;
        return one.messages[0]?.['status'];
      };

      await waitFor(async () => (await check()) === status, 20_000);
      expect(await check()).toBe(status);
    },
    60_000,
  );

  it('does not know what is no model', async () => {
    const one = openBufCurl(hub.grpc, 'grpc.health.v1.Health').call('Check', { service: 'nobody' });

    expect(await one.ended).toMatchObject({ status: 'NOT_FOUND' });
  }, 60_000);
});
