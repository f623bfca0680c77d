import type {
  JobLogReader,
  JobLogWriter,
  JobRecords,
  WorkerDirectory,
  WorkerSignals,
} from '@stepcast/hub';
import {
  createQueueConnection,
  QueueMonitor,
  queuePrefix,
  type JobsConfig,
  type ModelsConfig,
} from '@stepcast/jobs';
import { capacityOf, type ModelRegistry } from '@stepcast/models';
import { background, type Logger } from '@stepcast/platform';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import { Announcer } from './announcer.js';
import { BatchMetrics } from './batch-metrics.js';
import { BullSource } from './bull-source.js';
import { Dispatcher } from './dispatcher.js';
import { HostPool } from './host/host-pool.js';
import type { ModelHost, ModelHostOptions } from './host/model-host.js';
import { JobRunner } from './job-runner.js';
import { JobWorker } from './job-worker.js';
import { QueueSources } from './queue-sources.js';
import { WorkerMetrics } from './worker-metrics.js';
import type { WorkerConfig } from './worker.config.js';

export interface WorkerParts {
  readonly id: string;
  readonly config: WorkerConfig & JobsConfig & ModelsConfig;
  readonly log: JobLogReader & JobLogWriter;
  readonly records: JobRecords;
  readonly directory: WorkerDirectory;
  readonly signals: WorkerSignals;
  readonly registry: ModelRegistry;
  readonly metrics: Registry;
  readonly logger: Logger;
  /** The compiled `host.main.js`. */
  readonly hostFile: string;
}

const POLL_MS = 1_000;
const REFUSE_MS = 2_000;

/** Puts a worker together; nothing runs before its `start`. */
export function createWorker(parts: WorkerParts): JobWorker {
  const { id, config, signals, directory, registry, logger } = parts;
  // Hosts report to the dispatcher, which is made of them: bound late, before anything starts.
  const hooks = { onIdle: (): void => undefined };
  const batchMetrics = new BatchMetrics(parts.metrics);
  const pool = createPool(parts, {
    onIdle: () => {
      hooks.onIdle();
    },
    onRestart: () => {
      metrics.hostRestarted();
    },
    onBatches: (batches) => {
      batchMetrics.add(batches);
    },
  });
  const metrics = new WorkerMetrics(parts.metrics, () => pool.busy);
  const { log, records } = parts;
  const runner = new JobRunner({
    ...{ workerId: id, log, records, registry, directory, metrics, logger },
    snapshotEvents: config.LOG_MAX_EVENTS,
  });
  const connection = createQueueConnection(config.REDIS_URL, { blocking: true });
  const queue = createMonitor(parts, connection);
  const names = registry.list().map(({ name }) => name);
  const sources = new QueueSources(names, (model) => {
    const source = createSource(parts, model, { connection, monitor: queue });
    source.onStalled(() => {
      background(signals.wake(model), logger, 'wake the workers of the model');
    });
    return source;
  });
  const announcer = new Announcer({
    directory,
    logger,
    failures: () => pool.failures,
    entry: () => ({ id, models: pool.models, slots: pool.slots, busy: pool.busy }),
  });
  const dispatcher = new Dispatcher<ModelHost>({
    sources: () => sources.list,
    slots: pool,
    run: (ticket, host) => runner.run(ticket, host),
    failsUnserved: (model) => announcer.unserved.has(model),
    pollMs: POLL_MS,
    refuseMs: REFUSE_MS,
    logger,
  });
  hooks.onIdle = () => {
    dispatcher.poke();
  };
  const killAfterMs = config.KILL_AFTER_MS;
  return new JobWorker({
    ...{
      id,
      pool,
      registry,
      runner,
      dispatcher,
      announcer,
      sources,
      connection,
      queue,
      signals,
      logger,
      killAfterMs,
    },
  });
}

function createPool(
  { config, hostFile, logger, registry }: WorkerParts,
  hooks: Pick<ModelHostOptions, 'onIdle' | 'onRestart' | 'onBatches'>,
): HostPool {
  return new HostPool({
    ...hooks,
    slots: config.WORKER_SLOTS,
    file: hostFile,
    init: {
      modelsDirectory: config.MODELS_DIR,
      providers: config.EXECUTION_PROVIDERS,
      threads: config.ORT_THREADS,
      maxBatchSize: config.MAX_BATCH_SIZE,
    },
    capacityOf: (model) =>
      registry.has(model) ? capacityOf(registry.get(model).execution, config.MAX_BATCH_SIZE) : 1,
    killAfterMs: config.KILL_AFTER_MS,
    startTimeoutMs: config.HOST_START_TIMEOUT_MS,
    logger,
  });
}

/** One connection for all queues; BullMQ adds a blocking one per queue, which stays idle. */
function createSource(
  { id, config, logger }: WorkerParts,
  model: string,
  shared: { readonly connection: Redis; readonly monitor: QueueMonitor },
): BullSource {
  return new BullSource({
    ...shared,
    model,
    workerId: id,
    prefix: queuePrefix(config.KEY_PREFIX),
    lockMs: config.JOB_LOCK_MS,
    lockRenewMs: config.JOB_LOCK_RENEW_MS,
    stalledIntervalMs: config.STALLED_INTERVAL_MS,
    maxStalledCount: config.MAX_STALLED_COUNT,
    logger,
  });
}

/** What is said of queues that cannot be reached: they share a connection, so they fail together. */
function createMonitor({ config, logger }: WorkerParts, connection: Redis): QueueMonitor {
  return new QueueMonitor(connection, queuePrefix(config.KEY_PREFIX), {
    began: (err) => {
      logger.warn({ err }, 'the queues cannot be used');
    },
    ended: (spell) => {
      logger.info(spell, 'the queues can be used again');
    },
  });
}
