import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { addOneOnnx, tinyOnnx } from '../../libs/models/testing/tiny-onnx.js';
import { WsClient, call, openStream } from '../support/clients.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';
import {
  createUserModels,
  removeUserModels,
  shoutModel,
  type UserModels,
} from '../support/user-models.js';

let models: UserModels;
let hub: AppProcess;

beforeAll(async () => {
  models = await createUserModels();
  await models.write('shout/model.ts', shoutModel());
  await models.write('shout-next/model.ts', shoutModel({ mark: '?', version: '2' }));
  await models.write('shout-copy/model.ts', shoutModel());
  await models.write('add-one/model.onnx', addOneOnnx());
  await models.write('same/model.onnx', sameOnnx());
  await models.write('typo/model.ts', 'export default defineModel({\n  name: "typo",,\n});\n');
  await models.write('no-graph/model.onnx', 'version https://git-lfs.github.com/spec/v1\n');
  const env = { KEY_PREFIX: uniquePrefix(), MODELS_DIR: models.directory };
  hub = await startApp('standalone', env);
}, 120_000);
afterAll(removeUserModels);

/** Every input comes out as it went in. */
function sameOnnx(): Uint8Array {
  const words = { type: 'string', shape: [null] } as const;
  const whole = { type: 'int64', shape: ['n', 2] } as const;
  const half = { type: 'float16', shape: [] } as const;
  const flags = { type: 'bool', shape: ['n'] } as const;
  const values = Object.entries({ words, whole, half, flags });
  return tinyOnnx({
    inputs: values.map(([name, value]) => ({ name, ...value })),
    outputs: values.map(([name, value]) => ({ name: `${name}_out`, ...value })),
    nodes: values.map(([name]) => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
  });
}

interface Ran {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const run = (model: string, input: unknown): Promise<Ran> =>
  call(`${hub.url}/v1/models/${model}/run`, { body: input });

/** Every word that a job of a model says; none when the model is not served. */
async function said(model: string, text: string): Promise<unknown[]> {
  const { status, record } = await openStream(`${hub.url}/v1/models/${model}/stream`, {
    body: { text },
  });
  if (status !== 200) return [];
  const events = await record.ended();
  return events.filter(({ type }) => type === 'word').map(({ data }) => data);
}

const list = async () =>
  (
    await call<{ models: { name: string }[]; broken: { folder: string; reason: string }[] }>(
      `${hub.url}/v1/models`,
    )
  ).body;

const base64 = (array: ArrayBufferView) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

describe('ten lines of a user, outside the repository', () => {
  it('are called by REST, by SSE and by WebSocket', async () => {
    const ran = await run('shout', { text: 'a b' });
    const ws = await WsClient.connect(hub.url);
    const job = await ws.submit('shout', { text: 'a b' });
    const events = await ws.record(job).ended();
    await ws.close();

    expect(ran).toMatchObject({ status: 200, body: { output: { words: 2 } } });
    expect(await said('shout', 'a b')).toEqual(['A!', 'B!']);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['started', 'word', 'completed']),
    );
  });

  it('stand in the OpenAPI document, as the graphs do', async () => {
    const { body } = await call<{ paths: object }>(`${hub.url}/openapi.json`);

    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/models/shout/run', '/v1/models/add-one/run']),
    );
  });

  it('lie beside their next version', async () => {
    expect(await said('shout', 'a')).toEqual(['A!']);
    expect(await said('shout@2', 'a')).toEqual(['A?']);
  });
});

describe('a graph without code', () => {
  it('is run with numbers or bytes, and answers with bytes', async () => {
    const y = { dtype: 'float32', shape: [1, 3], data: base64(Float32Array.of(2, 3, 4)) };
    const x = { dtype: 'float32', shape: [1, 3] };
    const bytes = base64(Float32Array.of(1, 2, 3));

    expect((await run('add-one', { x: { ...x, data: [1, 2, 3] } })).body['output']).toEqual({ y });
    expect((await run('add-one', { x: { ...x, data: bytes } })).body['output']).toEqual({ y });
  });

  it('answers every one of many jobs at once with its own rows', async () => {
    const shapes = Array.from({ length: 24 }, (_, i) => (i % 3) + 1);
    const answers = await Promise.all(
      shapes.map((rows, i) => {
        const data = Array<number>(rows * 3).fill(i);
        return run('add-one', { x: { dtype: 'float32', shape: [rows, 3], data } });
      }),
    );

    expect(answers.map(({ body }) => body['output'])).toEqual(
      shapes.map((rows, i) => {
        const data = base64(new Float32Array(rows * 3).fill(i + 1));
        return { y: { dtype: 'float32', shape: [rows, 3], data } };
      }),
    );
  });

  it('takes tensors of other dtypes', async () => {
    const output = {
      words_out: { dtype: 'string', shape: [2], data: ['a', 'ü'] },
      whole_out: { dtype: 'int64', shape: [1, 2], data: base64(BigInt64Array.of(-1n, 2n ** 62n)) },
      half_out: { dtype: 'float16', shape: [], data: base64(Uint16Array.of(0x3c00)) },
      flags_out: { dtype: 'bool', shape: [1], data: 'AQ==' },
    };

    const { body } = await run('same', {
      words: { dtype: 'string', shape: [2], data: ['a', 'ü'] },
      whole: { dtype: 'int64', shape: [1, 2], data: [-1, String(2n ** 62n)] },
      half: { dtype: 'float16', shape: [], data: [1] },
      flags: { dtype: 'bool', shape: [1], data: [true] },
    });

    expect(body['output']).toEqual(output);
  });

  it('refuses a wrong shape before it runs, naming the field', async () => {
    const { status, body } = await run('add-one', {
      x: { dtype: 'float32', shape: [1, 4], data: [1, 2, 3, 4] },
    });

    expect(status).toBe(422);
    expect(JSON.stringify(body)).toMatch(/x\.shape.*must be \[batch, 3\], is \[1, 4\]/);
  });
});

describe('folders', () => {
  it('that are broken are listed with the reason, and the others serve', async () => {
    const { models: served, broken } = await list();

    expect(served.map(({ name }) => name)).toEqual(['add-one', 'same', 'shout', 'shout@2']);
    expect(Object.fromEntries(broken.map(({ folder, reason }) => [folder, reason]))).toEqual({
      typo: expect.stringMatching(/^model\.ts:2:\d+: /),
      'no-graph': expect.stringContaining('is not an ONNX file'),
      'shout-copy': expect.stringMatching(/shout and shout-copy/),
    });
    expect(hub.log.some((line) => line.includes('the model folder typo is broken'))).toBe(true);
  });

  it('are served as they were saved, without a restart', async () => {
    await models.write('shout/model.ts', shoutModel({ mark: '...' }));
    await waitFor(async () => (await said('shout', 'a'))[0] === 'A...', 60_000);

    await models.write('typo/model.ts', shoutModel().replace("'shout'", "'typo'"));
    await waitFor(async () => (await said('typo', 'a'))[0] === 'A!', 60_000);
    await waitFor(async () => (await list()).broken.every(({ folder }) => folder !== 'typo'));
    const { body } = await call<{ paths: object }>(`${hub.url}/openapi.json`);

    await models.remove('typo');
    await waitFor(async () => (await list()).models.every(({ name }) => name !== 'typo'), 60_000);
    const gone = await run('typo', { text: 'a' });

    expect(Object.keys(body.paths)).toContain('/v1/models/typo/run');
    expect(gone.status).toBe(404);
  }, 240_000);
});
