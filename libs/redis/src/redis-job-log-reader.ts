import type { JobLogReader, LogEntry, LogHead, LogPage, StoredSnapshot } from '@stepcast/hub';
import { readEventType } from '@stepcast/protocol';
import type { Redis } from 'ioredis';
import { reach } from './errors.js';
import { RECORD_FIELDS, decodeRecord } from './job-record.js';
import type { Keys } from './keys.js';
import type { Scripts } from './scripts.js';

/** Most bytes of events in one answer; more would hold up every other command for milliseconds. */
const MAX_PAGE_BYTES = 1_048_576;

/** Reads the logs of jobs (lua/read-3.lua). */
export class RedisJobLogReader implements JobLogReader {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Scripts;

  constructor(redis: Redis, keys: Keys, scripts: Scripts) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = scripts;
  }

  async read(
    job: string,
    after: number,
    limit: number,
    maxBytes = MAX_PAGE_BYTES,
  ): Promise<LogPage | undefined> {
    const keys = [this.#keys.meta(job), this.#keys.log(job), this.#keys.snapshot(job)];
    const args = [after, limit, Math.min(maxBytes, MAX_PAGE_BYTES), ...RECORD_FIELDS];
    const reply = (await this.#scripts.run('read', keys, args)) as
      [string[], number, string | null, string[]] | null;
    if (reply === null) return undefined;
    const [values, first, snapshot, events] = reply;
    const record = decodeRecord(job, values);
    if (record === undefined) return undefined;
    return {
      record,
      entries: events.map((json, i) => toEntry(first + i, json)),
      ...(snapshot !== null && { snapshot: decodeSnapshot(snapshot) }),
    };
  }

  async heads(jobs: readonly string[]): Promise<(LogHead | undefined)[]> {
    const replies = jobs.map((job) => this.#redis.hmget(this.#keys.meta(job), 'epoch', 'top'));
    return (await reach(Promise.all(replies))).map(([epoch, top]) =>
      typeof epoch === 'string' ? { epoch, top: Number(top) } : undefined,
    );
  }
}

function toEntry(seq: number, json: string): LogEntry {
  return { seq, type: readEventType(json), json };
}

/** `<seq> <state JSON>` */
function decodeSnapshot(value: string): StoredSnapshot {
  const space = value.indexOf(' ');
  return { seq: Number(value.slice(0, space)), state: value.slice(space + 1) };
}
