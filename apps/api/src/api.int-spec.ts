import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { JOB_LOG, type JobLogReader, type JobLogWriter } from '@stepcast/hub';
import { createQueueConnection, JobQueues } from '@stepcast/jobs';
import type { Job, Problem } from '@stepcast/protocol';
import { createApp, createLogger, loadConfig, type PlatformConfig } from '@stepcast/platform';
import { apiSlices } from './api.config.js';
import { ApiModule } from './api.module.js';
import type { LogView } from './jobs/log-view.js';
import { serveDocs } from './openapi/docs.nest.js';
import { until, writeTestModels } from '../testing/test-models.js';

@Module({ imports: [ApiModule] })
class TestModule {}

function testRedisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) throw new Error('TEST_REDIS_URL is not set: run the tests by `npm run test:int`');
  return url;
}

describe('the API over Redis', () => {
  const prefix = `test-${randomUUID().slice(0, 13)}`;
  let app: NestFastifyApplication;
  let log: JobLogReader & JobLogWriter;
  let models: Awaited<ReturnType<typeof writeTestModels>>;

  beforeAll(async () => {
    models = await writeTestModels();
    const config = loadConfig(apiSlices, {
      REDIS_URL: testRedisUrl(),
      KEY_PREFIX: prefix,
      MODELS_DIR: models.directory,
      LOG_LEVEL: 'silent',
    });
    app = (await createApp(
      { name: 'api', module: TestModule, slices: apiSlices, configure: serveDocs },
      { config, logger: createLogger('api', config as unknown as PlatformConfig) },
    )) as NestFastifyApplication;
    await app.listen(0, '127.0.0.1');
    log = app.get(JOB_LOG, { strict: false });
  });

  afterAll(async () => {
    await app.close();
    await models.remove();
    const admin = createQueueConnection(testRedisUrl(), { blocking: false });
    const keys = await admin.keys(`${prefix}*`);
    if (keys.length > 0) await admin.del(...keys);
    await admin.quit();
  });

  const send = (method: 'POST' | 'GET' | 'DELETE', url: string, payload?: object, headers = {}) =>
    app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  const submit = async (options = {}): Promise<Job> =>
    (await send('POST', '/v1/jobs', { model: 'echo', input: { text: 'a' }, options })).json<Job>();
  const show = async (id: string): Promise<Job> =>
    (await send('GET', `/v1/jobs/${id}`)).json<Job>();

  /** What a worker does: claims the job and completes it. */
  const complete = async (id: string): Promise<void> => {
    const claim = await log.claim(id, 'test-worker');
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    await log.append({
      job: id,
      attempt: claim.attempt,
      token: claim.token,
      epoch: claim.record.epoch,
      firstProducerSeq: 1,
      expectedTop: claim.record.top,
      events: [
        { type: 'step', data: '{"step":1,"of":1}' },
        { type: 'completed', data: '{"output":{"text":"a"},"metrics":{"queuedMs":0,"runMs":0}}' },
      ],
    });
  };
  const newest = async (): Promise<Job> => {
    const { jobs } = (await send('GET', '/v1/jobs?limit=1')).json<{ jobs: Job[] }>();
    return jobs[0]!;
  };
  const readLog = async (id: string, query: string): Promise<LogView> =>
    (await send('GET', `/v1/jobs/${id}/log?${query}`)).json<LogView>();

  it('submits: 202, Location, and the job in line', async () => {
    const first = await send('POST', '/v1/jobs', { model: 'echo', input: { text: 'a' } });
    const second = await submit();
    const urgent = await submit({ priority: 9 });

    expect(first.statusCode).toBe(202);
    expect(first.headers.location).toBe(`/v1/jobs/${first.json().id}`);
    expect(second.queue?.position).toBe(1);
    expect(urgent.queue?.position).toBe(0);
    expect((await show(second.id)).queue).toEqual({
      position: 2,
      etaMs: null,
    });
  });

  it('reports the faults of the body and of the input at once', async () => {
    const answer = await send('POST', '/v1/jobs', {
      model: 'echo',
      input: { text: 5 },
      options: { priority: 500, attempts: 0 },
    });

    expect(answer.statusCode).toBe(422);
    expect(answer.json<Problem>().errors?.map((fault) => fault.path)).toEqual([
      'options.priority',
      'options.attempts',
      'input.text',
    ]);
  });

  it('answers a repeated key with the same job', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { model: 'echo', input: { text: 'a' } };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => send('POST', '/v1/jobs', body, headers)),
    );

    expect(new Set(answers.map((answer) => answer.json<Job>().id)).size).toBe(1);

    const other = await send('POST', '/v1/jobs', { model: 'echo', input: { text: 'b' } }, headers);
    expect([other.statusCode, other.json().code]).toEqual([409, 'idempotency_conflict']);
  });

  it('cancels a waiting job once, and takes it out of line', async () => {
    const { id } = await submit();

    const cancelled = await send('DELETE', `/v1/jobs/${id}?reason=enough`);

    expect(cancelled.statusCode).toBe(202);
    expect(cancelled.json()).toMatchObject({
      status: 'cancelled',
      cancel: { by: 'client', reason: 'enough', stoppedAfterMs: 0 },
    });
    expect((await send('DELETE', `/v1/jobs/${id}`)).json()).toMatchObject({
      status: 409,
      code: 'already_finished',
    });
    const queues = app.get(JobQueues, { strict: false });
    await until(async () => !(await queues.contains([{ id, model: 'echo' }]))[0]);
  });

  it('reads a log page by page until it is closed', async () => {
    const { id } = await submit();
    await complete(id);

    const first = await readLog(id, 'limit=2');
    const second = await readLog(id, `from=${first.position}`);

    expect(first.events.map((event) => event.type)).toEqual(['queued', 'step']);
    expect(first.closed).toBe(false);
    expect(second.events.map((event) => event.type)).toEqual(['completed']);
    expect(second.closed).toBe(true);
    expect((await readLog(id, 'from=other.2')).reset).toBe(true);
    expect((await send('GET', `/v1/jobs/${id}/log?from=garbage`)).json().code).toBe(
      'invalid_position',
    );
  });

  it('run: answers 200 with the ended job as soon as it has ended', async () => {
    const before = (await newest()).id;
    const answer = send('POST', '/v1/models/echo/run', { text: 'a' }, { prefer: 'wait=20' });
    await until(async () => (await newest()).id !== before);
    await complete((await newest()).id);

    expect((await answer).statusCode).toBe(200);
    expect((await answer).json()).toMatchObject({ status: 'completed', output: { text: 'a' } });
  });

  it('run: answers 202 after the wait, and the job goes on without its caller (R2)', async () => {
    const answer = await send('POST', '/v1/models/echo/run', { text: 'a' }, { prefer: 'wait=0' });

    expect(answer.statusCode).toBe(202);
    expect(answer.headers).toMatchObject({
      location: `/v1/jobs/${answer.json<Job>().id}`,
      'preference-applied': 'wait=0',
    });
    const id = answer.json<Job>().id;
    await expect(log.claim(id, 'w')).resolves.toMatchObject({ kind: 'claimed' });
  });

  it('run: a caller that goes away ends the job after its grace', async () => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const before = (await newest()).id;
    const call = httpRequest({
      port,
      method: 'POST',
      path: '/v1/models/echo/run?onDisconnect=cancel&graceMs=0',
      headers: { 'content-type': 'application/json' },
    });
    call.on('error', () => undefined);
    call.end('{"text":"a"}');
    await until(async () => (await newest()).id !== before);
    const { id } = await newest();
    // The lease stands before the caller leaves, so that it is the leaving that counts.
    await until(async () => (await show(id)).status === 'queued');

    call.destroy();

    await until(async () => (await show(id)).status === 'cancelled');
    expect((await show(id)).cancel).toMatchObject({ by: 'disconnect' });
  });

  it('lists models with their schemas, depth and broken folders', async () => {
    const { models: list, broken } = (await send('GET', '/v1/models')).json();

    expect(list).toHaveLength(1);
    expect(list[0]).toMatchObject({ name: 'echo', devices: [], workers: 0 });
    expect(list[0].queueDepth).toBeGreaterThan(0);
    expect(broken).toEqual([{ folder: 'bad', reason: expect.stringContaining('model') }]);
    expect((await send('GET', '/v1/models/nope')).json().code).toBe('model_not_found');
  });

  it('pages through jobs, newest first', async () => {
    const [older, newer] = [await submit(), await submit()];

    const first = (await send('GET', '/v1/jobs?limit=1&model=echo')).json();
    const second = (await send('GET', `/v1/jobs?limit=1&cursor=${first.nextCursor}`)).json();

    expect(first.jobs[0].id).toBe(newer.id);
    expect(second.jobs[0].id).toBe(older.id);
    expect((await send('GET', '/v1/jobs?limit=0&status=odd')).json().errors).toHaveLength(2);
  });

  it('serves its documentation', async () => {
    const [docs, document] = [await send('GET', '/docs'), await send('GET', '/openapi.json')];

    expect(docs.body).toContain('swagger-ui');
    expect(document.json().paths).toHaveProperty('/v1/models/echo/run');
  });
});
