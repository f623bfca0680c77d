import { Global, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import {
  JOB_LOG,
  JOB_RECORDS,
  LEASES,
  LOG_FEED,
  LOST_JOBS,
  WORKER_DIRECTORY,
  WORKER_SIGNALS,
  type JobLogReader,
  type JobLogWriter,
} from '@stepcast/hub';
import { redisConfigSchema, type RedisConfig } from './config.js';
import { describeNews } from './describe-news.js';
import { RedisStore } from './redis-store.js';

/** Where {@link RedisConfig} is injected. */
export const REDIS_CONFIG = Symbol('RedisConfig');

/** The slice of the configuration; see `ConfigSlice` of the platform. */
export const redisSlice = { title: 'Redis', token: REDIS_CONFIG, schema: redisConfigSchema };

const logger = new Logger('Redis');

/**
 * The adapters of the ports of hub, on one {@link RedisStore} per process. Global, because libs that use
 * the ports may not import this one. A process whose Redis does not answer at the start does not start.
 */
@Global()
@Module({
  providers: [
    { provide: RedisStore, inject: [REDIS_CONFIG], useFactory: openStore },
    { provide: JOB_LOG, inject: [RedisStore], useFactory: createLog },
    port(JOB_RECORDS, (store) => store.records),
    port(LEASES, (store) => store.leases),
    port(LOG_FEED, (store) => store.feed),
    port(LOST_JOBS, (store) => store.monitor),
    port(WORKER_DIRECTORY, (store) => store.directory),
    port(WORKER_SIGNALS, (store) => store.signals),
  ],
  exports: [
    RedisStore,
    JOB_LOG,
    JOB_RECORDS,
    LEASES,
    LOG_FEED,
    LOST_JOBS,
    WORKER_DIRECTORY,
    WORKER_SIGNALS,
  ],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(@Inject(RedisStore) private readonly store: RedisStore) {}

  /** After HTTP is closed and every hook of the drain has run: what they wrote is flushed. */
  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}

function port(provide: symbol, pick: (store: RedisStore) => unknown) {
  return { provide, inject: [RedisStore], useFactory: pick };
}

async function openStore(config: RedisConfig): Promise<RedisStore> {
  const store = new RedisStore({
    url: config.REDIS_URL,
    keyPrefix: config.KEY_PREFIX,
    onNews: (news) => {
      const { level, text } = describeNews(news);
      logger[level](text);
    },
  });
  try {
    await store.open();
  } catch (cause) {
    await store.close(0);
    throw new Error('Redis does not answer: start it, or set REDIS_URL to one that runs.', {
      cause,
    });
  }
  return store;
}

/** Both sides of the log under one token: a gateway reads, a worker writes. */
function createLog(store: RedisStore): JobLogReader & JobLogWriter {
  const { reader, writer } = store;
  return {
    read: (job, after, limit, maxBytes) => reader.read(job, after, limit, maxBytes),
    heads: (jobs) => reader.heads(jobs),
    claim: (job, worker, options) => writer.claim(job, worker, options),
    append: (batch) => writer.append(batch),
    check: (attempt) => writer.check(attempt),
    requeue: (attempt) => writer.requeue(attempt),
    restore: (restore) => writer.restore(restore),
    saveSnapshot: (snapshot) => writer.saveSnapshot(snapshot),
    saveCheckpoint: (checkpoint) => writer.saveCheckpoint(checkpoint),
  };
}
