import { randomBytes } from 'node:crypto';
import path from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { jobOptionsSchema, type JobEvent, type JobOptions } from '@stepcast/protocol';
import { JobQueues, createQueueConnection, queuePrefix } from '@stepcast/jobs';
import { createRegistry, defineModel, z, type Model } from '@stepcast/models';
import { RedisStore } from '@stepcast/redis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import { BullSource } from './bull-source.js';
import { createWorker } from './create-worker.js';
import type { JobWorker } from './job-worker.js';
import { createModelFolder } from '../testing/model-folder.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';
import { workerConfigSchema } from './worker.config.js';

const HOST_FILE = path.resolve('apps/worker/dist/host/host.main.js');
const NAMES = ['count', 'crash', 'stubborn', 'throws', 'flood', 'together'];

jest.setTimeout(30_000);

/** The registry only needs the names and folds here: the host loads the real models. */
const modelOf = (name: string): Model => {
  const base = {
    name,
    description: 'Test.',
    input: z.object({ steps: z.int().default(3), ms: z.int().default(1) }),
    events: { step: { schema: z.object({ step: z.int(), of: z.int() }), fold: 'latest' as const } },
    output: z.object({ pid: z.int() }),
  };
  if (name !== 'together') return defineModel({ ...base, run: () => ({ pid: 0 }) });
  return defineModel({
    ...base,
    batch: { maxSize: 3 },
    init: () => ({}),
    step: () => [],
    finish: () => ({ pid: 0 }),
  });
};

const registry = createRegistry(NAMES.map(modelOf));

/** Needs TEST_REDIS_URL and a build, which `npm test` bring. */
describe('a worker with real queues, logs and hosts', () => {
  const url = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  let folder: Awaited<ReturnType<typeof createModelFolder>>;
  let keyPrefix: string;
  let store: RedisStore;
  let queues: JobQueues;
  const workers: JobWorker[] = [];

  beforeAll(async () => {
    folder = await createModelFolder(NAMES);
  });
  beforeEach(async () => {
    keyPrefix = `test-${randomBytes(6).toString('hex')}`;
    store = new RedisStore({ url, keyPrefix });
    await store.open();
    queues = new JobQueues(createQueueConnection(url, { blocking: false }), queuePrefix(keyPrefix));
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) {
      await worker.drain(100);
      await worker.close();
    }
    await queues.close();
    await deleteKeys();
    await store.close();
  });
  afterAll(() => folder.remove());

  async function deleteKeys(): Promise<void> {
    const admin = createQueueConnection(url, { blocking: false });
    const keys = await admin.keys(`${keyPrefix}*`);
    if (keys.length > 0) await admin.del(...keys);
    admin.disconnect();
  }

  async function startWorker(
    id: string,
    env: Record<string, string> = {},
    modelsDirectory = folder.directory,
    metrics = new Registry(),
    models = registry,
  ): Promise<JobWorker> {
    const config = workerConfigSchema.parse({
      KILL_AFTER_MS: '400',
      JOB_LOCK_MS: '1500',
      JOB_LOCK_RENEW_MS: '400',
      STALLED_INTERVAL_MS: '300',
      ...env,
    });
    const { writer, reader, records, directory, signals } = store;
    const worker = createWorker({
      id,
      config: {
        ...config,
        REDIS_URL: url,
        KEY_PREFIX: keyPrefix,
        MODELS_DIR: modelsDirectory,
        MODELS_WATCH: 'false' as const,
        NODE_ENV: 'test',
        IDEMPOTENCY_TTL_MS: 1_000,
        WORKER_LOST_MS: 1_000,
        MAX_QUEUED_JOBS: 1_000,
      },
      log: {
        read: reader.read.bind(reader),
        heads: reader.heads.bind(reader),
        claim: writer.claim.bind(writer),
        append: writer.append.bind(writer),
        check: writer.check.bind(writer),
        requeue: writer.requeue.bind(writer),
        restore: writer.restore.bind(writer),
        saveSnapshot: writer.saveSnapshot.bind(writer),
        saveCheckpoint: writer.saveCheckpoint.bind(writer),
      },
      ...{ records, directory, signals, metrics },
      registry: models,
      logger: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
      hostFile: HOST_FILE,
    });
    workers.push(worker);
    await worker.start();
    return worker;
  }

  async function submit(model: string, input: unknown = {}, options: Partial<JobOptions> = {}) {
    const id = uuidv7();
    const { record } = await store.records.create({
      ...{ id, model, epoch: 'e1', input: JSON.stringify(input) },
      options: {
        ...jobOptionsSchema.parse({}),
        onDisconnect: { policy: 'continue', graceMs: 0 },
        ...options,
      },
    });
    await queues.add(record);
    await store.signals.wake(model);
    return id;
  }

  const eventsOf = async (job: string): Promise<JobEvent[]> => {
    const page = await store.reader.read(job, 0, 1_000);
    return (page?.entries ?? []).map(({ json }) => JSON.parse(json) as JobEvent);
  };

  async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
    for (const deadline = performance.now() + 15_000; ;) {
      const value = await look();
      if (value !== undefined) return value;
      if (performance.now() > deadline) throw new Error(`still not: ${look.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const ended = (job: string) =>
    until(async () => {
      const record = await store.records.get(job);
      return record?.end === undefined ? undefined : (JSON.parse(record.end) as JobEvent);
    });
  const reached = (job: string, count: number) =>
    until(async () => {
      const events = await eventsOf(job);
      return events.length >= count ? events : undefined;
    });
  const forgotten = (job: string, model: string) =>
    until(async () => ((await queues.contains([{ id: job, model }]))[0] ? undefined : true));
  const typesOf = (events: JobEvent[]) => events.map(({ type }) => type);

  it('runs jobs on one warm host, in order and without holes', async () => {
    await startWorker('w1');
    const first = await submit('count', { steps: 5 });
    const end = await ended(first);
    const second = await ended(await submit('count'));

    const events = await eventsOf(first);
    expect(typesOf(events)).toEqual(['queued', 'started', ...Array(5).fill('step'), 'completed']);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const { output, metrics } = end.data as { output: { pid: number }; metrics: object };
    expect(metrics).toEqual({ queuedMs: expect.any(Number), runMs: expect.any(Number), events: 5 });
    expect(second.data).toMatchObject({ output });
    expect(events[1]?.data).toMatchObject({ host: `w1/0.1:${output.pid}`, device: 'cpu' });
    await forgotten(first, 'count');
    expect(await store.directory.averageDurationMs('count')).toBeGreaterThan(0);
  });

  it('cancels a running job by its nudge, and says so only when it has stopped', async () => {
    await startWorker('w1');
    const job = await submit('count', { steps: 10_000, ms: 5 }, { attempts: 3 });
    await reached(job, 4);

    const { worker } = (await store.records.cancel(job, 'client', 'enough')) as { worker: string };
    await store.signals.nudge(worker, job);

    const end = await ended(job);
    expect(end).toMatchObject({ type: 'cancelled', data: { by: 'client', reason: 'enough' } });
    expect((end.data as { stoppedAfterMs: number }).stoppedAfterMs).toBeLessThan(1_000);
    await forgotten(job, 'count');
  });

  it('kills a model that does not stop, and serves the next job', async () => {
    await startWorker('w1');
    const job = await submit('stubborn');
    await reached(job, 3);

    await store.records.cancel(job, 'client', '');

    const end = await ended(job);
    expect(end.type).toBe('cancelled');
    expect((end.data as { stoppedAfterMs: number }).stoppedAfterMs).toBeGreaterThanOrEqual(380);
    expect((await ended(await submit('count'))).type).toBe('completed');
  });

  it('repeats what throws, visibly, and fails once', async () => {
    await startWorker('w1');
    const job = await submit('throws', {}, { attempts: 2 });

    expect(await ended(job)).toMatchObject({ type: 'failed', data: { code: 'model_error' } });
    const events = await eventsOf(job);
    expect(typesOf(events).filter((type) => type === 'started')).toHaveLength(2);
    expect(typesOf(events).filter((type) => type === 'failed')).toHaveLength(1);
    expect(events.find(({ type }) => type === 'attempt')).toMatchObject({ attempt: 2 });
    await forgotten(job, 'throws');
  });

  it('survives a host that crashes', async () => {
    await startWorker('w1');

    expect(await ended(await submit('crash'))).toMatchObject({ data: { code: 'host_crashed' } });
    expect((await ended(await submit('count'))).type).toBe('completed');
  });

  it('runs jobs of a model that batches in one slot, and each ends by itself', async () => {
    const metrics = new Registry();
    await startWorker('w1', {}, folder.directory, metrics);
    const jobs = await Promise.all(
      [2, 30, 3].map((steps) => submit('together', { steps, ms: 20 })),
    );

    const ends = await Promise.all(jobs.map(ended));
    expect(ends.map(({ type }) => type)).toEqual(Array(3).fill('completed'));
    const times = ends.map(({ at }) => at);
    expect(times[1]).toBe(Math.max(...times));
    expect(typesOf(await eventsOf(jobs[1] ?? '')).filter((type) => type === 'step')).toHaveLength(
      30,
    );
    const text = await until(async () => {
      const page = await metrics.metrics();
      return page.includes('stepcast_worker_batch_size_count{model="together"}') ? page : undefined;
    });
    expect(text).toMatch(/batch_size_bucket\{le="1",model="together"\} \d+/);
    await until(async () => ((await store.directory.list())[0]?.busy === 0 ? true : undefined));
  });

  it('cancels one job of a batch, and the others go on', async () => {
    await startWorker('w1');
    const leaver = await submit('together', { steps: 100_000, ms: 5 });
    const stayer = await submit('together', { steps: 150, ms: 5 });
    await reached(leaver, 5);
    await reached(stayer, 5);

    const { worker } = (await store.records.cancel(leaver, 'client', '')) as { worker: string };
    await store.signals.nudge(worker, leaver);

    expect((await ended(leaver)).type).toBe('cancelled');
    expect(await ended(stayer)).toMatchObject({ type: 'completed', attempt: 1 });
  });

  it('runs no batch when batching is off', async () => {
    await startWorker('w1', { MAX_BATCH_SIZE: '1' });
    const first = await submit('together', { steps: 20, ms: 5 });
    const second = await submit('together', { steps: 1 });

    await ended(second);
    expect((await store.records.get(first))?.end).toBeDefined();
  });

  it('takes jobs of models that have come since it began', async () => {
    const changing = createRegistry([modelOf('count')]);
    await startWorker('w1', {}, folder.directory, new Registry(), changing);
    await ended(await submit('count'));
    const early = await submit('together', { steps: 1 });

    changing.replace(registry);

    expect((await ended(early)).type).toBe('completed');
    expect((await ended(await submit('count'))).type).toBe('completed');
  });

  it('stops when another attempt has claimed the job, and writes nothing more', async () => {
    await startWorker('w1');
    const job = await submit('count', { steps: 10_000, ms: 5 });
    await reached(job, 4);

    const claim = await store.writer.claim(job, 'other');
    const { top } = (await store.records.get(job))!;

    expect(claim).toMatchObject({ kind: 'claimed', attempt: 2 });
    expect((await ended(await submit('count'))).type).toBe('completed');
    expect((await store.records.get(job))?.top).toBe(top);
  });

  it('stops when Redis has forgotten its claim and given the number to another (L3)', async () => {
    const admin = createQueueConnection(url, { blocking: false });
    const job = await submit('count', { steps: 10_000, ms: 5 });
    const keys = ['meta', 'log'].map((part) => `${keyPrefix}:{${job}}:${part}`);
    const save = () => Promise.all(keys.map((key) => admin.dumpBuffer(key)));
    const load = async (dumps: Buffer[]) => {
      const restore = admin.multi();
      for (const [index, dump] of dumps.entries()) {
        restore.restore(keys[index] ?? '', 60_000, dump, 'REPLACE');
      }
      await restore.exec();
    };
    const unclaimed = await save();
    await store.writer.claim(job, 'other');
    const claimedByOther = await save();
    await load(unclaimed);
    await startWorker('w1', { JOB_LOCK_MS: '60000' });
    expect((await reached(job, 4))[3]).toMatchObject({ attempt: 1 });

    await load(claimedByOther);

    // Its slot is free again, and it has not brought its own log back.
    expect((await ended(await submit('count'))).type).toBe('completed');
    expect(await store.records.get(job)).toMatchObject({ attempt: 1, worker: 'other', top: 1 });
    admin.disconnect();
  });

  it('gives jobs back when it drains; another worker runs them as a new attempt', async () => {
    const first = await startWorker('w1');
    const job = await submit('count', { steps: 100, ms: 20 });
    await reached(job, 4);
    const drained = first.drain(1_000);
    const second = startWorker('w2');
    await Promise.all([drained, second]);

    expect(await ended(job)).toMatchObject({ type: 'completed', attempt: 2 });
    const events = await eventsOf(job);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  });

  it('finishes what it can while it drains', async () => {
    const worker = await startWorker('w1');
    const job = await submit('count', { steps: 20, ms: 20 });
    await reached(job, 3);

    await worker.drain(10_000);

    expect(await ended(job)).toMatchObject({ type: 'completed', attempt: 1 });
  });

  it('is not ready until a model can be run, and names those that cannot', async () => {
    const both = await createModelFolder(['count', 'unloadable']);
    const none = await createModelFolder(['unloadable']);
    try {
      const serving = await startWorker('w1', {}, both.directory);
      const idle = await startWorker('w2', {}, none.directory);
      const check = (worker: JobWorker): string => {
        try {
          return JSON.stringify(worker.checkHosts());
        } catch (error) {
          return (error as Error).message;
        }
      };

      expect(check(idle)).toBe('No model host is warm yet.');
      await waitFor(() => check(idle) === 'No model could be loaded: unloadable (no weights)');
      await waitFor(() => check(serving).includes('models'));
      expect(serving.checkHosts()).toEqual({
        models: ['count'],
        failures: { unloadable: 'no weights' },
      });
    } finally {
      await Promise.all([both.remove(), none.remove()]);
    }
  });

  /** What a worker that dies leaves behind: a job that is locked and claimed, and nobody renews it. */
  async function takeAndDie(job: string): Promise<void> {
    const connection = createQueueConnection(url, { blocking: true });
    const source = new BullSource({
      ...{ model: 'count', workerId: 'dead', connection, prefix: queuePrefix(keyPrefix) },
      ...{ lockMs: 200, lockRenewMs: 10_000, stalledIntervalMs: 10_000, maxStalledCount: 9 },
      logger: pino({ level: 'silent' }),
      monitor: { failed: () => undefined },
    });
    const ticket = await source.next();
    expect(ticket?.job).toBe(job);
    ticket?.drop();
    await store.writer.claim(job, 'dead');
    await source.close();
    connection.disconnect();
  }

  it('takes over the job of a worker that died', async () => {
    const job = await submit('count');
    await takeAndDie(job);
    await startWorker('w1');

    expect(await ended(job)).toMatchObject({ type: 'completed', attempt: 2 });
    await forgotten(job, 'count');
  });

  it('gives up a job that too many workers died of, and goes on with the next', async () => {
    const job = await submit('count');
    await takeAndDie(job);
    await startWorker('w1', { MAX_STALLED_COUNT: '0' });

    expect(await ended(job)).toMatchObject({ type: 'failed', data: { code: 'worker_lost' } });
    expect((await ended(await submit('count'))).type).toBe('completed');
    await forgotten(job, 'count');
  });

  it('keeps the log of a chatty job short, with a snapshot before it (L8)', async () => {
    await startWorker('w1', { LOG_MAX_EVENTS: '100' });
    const job = await submit('flood', { steps: 2_000 });
    await ended(job);

    const page = (await store.reader.read(job, 0, 5_000))!;

    expect(page.record.top).toBe(2_003);
    expect(page.entries.length).toBeLessThan(600);
    expect((page.snapshot?.seq ?? 0) + page.entries.length).toBe(2_003);
  });

  it('keeps it short over attempts, although none of them alone writes much (L8)', async () => {
    const job = await submit('flood', { steps: 50 });
    for (let count = 0; count < 3; count++) {
      const claim = await store.writer.claim(job, 'dead');
      if (claim.kind !== 'claimed') throw new Error(claim.kind);
      const { attempt, record, token } = claim;
      const place = { job, attempt, token, epoch: record.epoch, expectedTop: record.top };
      const events = Array.from({ length: 90 }, () => ({
        type: 'step',
        data: '{"step":1,"of":9}',
      }));
      await store.writer.append({ ...place, firstProducerSeq: 1, events });
    }
    await startWorker('w1', { LOG_MAX_EVENTS: '100' });

    expect(await ended(job)).toMatchObject({ type: 'completed', attempt: 4 });
    const page = (await store.reader.read(job, 0, 5_000))!;
    expect(page.entries.length).toBeLessThan(100);
    expect((page.snapshot?.seq ?? 0) + page.entries.length).toBe(page.record.top);
  });

  it('goes on in a new epoch when the store has forgotten everything', async () => {
    await startWorker('w1');
    const job = await submit('count', { steps: 120, ms: 20 });
    await reached(job, 6);

    await deleteKeys();

    expect(await ended(job)).toMatchObject({ type: 'completed', attempt: 1 });
    const record = (await store.records.get(job))!;
    expect(record.epoch).not.toBe('e1');
    const page = await store.reader.read(job, 0, 1_000);
    const types = typesOf(await eventsOf(job));
    expect(types[0] === 'snapshot' || page?.snapshot !== undefined).toBe(true);
    expect(types.slice(1)).not.toContain('snapshot');
  });
});
