import { createHash } from 'node:crypto';
import type { CancelResult, JobPage, JobQuery, JobRecord, JobRecords, NewJob } from '@stepcast/hub';
import { isEnded, type CancelOrigin } from '@stepcast/protocol';
import type { Redis } from 'ioredis';
import { decodeCursor, encodeCursor } from './cursor.js';
import { reach } from './errors.js';
import type { JobIndex } from './job-index.js';
import { RECORD_FIELDS, decodeRecord, fixedFields, maxOpenMs } from './job-record.js';
import type { Keys } from './keys.js';
import type { Scripts } from './scripts.js';

/** Jobs that one `list` looks at, at most: a filter that fits few must not read the whole index. */
const MAX_SCANNED = 1_000;

/** Jobs that are fetched at a time while filtering. */
const SCAN_SLICE = 100;

/** Records of jobs in Redis. Every method throws `unavailable` when Redis cannot be reached in time. */
export class RedisJobRecords implements JobRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Scripts;
  readonly #index: JobIndex;

  constructor(redis: Redis, keys: Keys, scripts: Scripts, index: JobIndex) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = scripts;
    this.#index = index;
  }

  async create(job: NewJob): Promise<{ readonly created: boolean; readonly record: JobRecord }> {
    const made = this.#run('createJob', job.id, [
      job.id,
      job.epoch,
      JSON.stringify({ model: job.model }),
      maxOpenMs(job.options),
      RECORD_FIELDS.length,
      ...RECORD_FIELDS,
      ...fixedFields(job),
    ]);
    // In the same write as the script: a process that dies in between leaves neither or both.
    const [reply] = await Promise.all([made, reach(this.#index.opened(job.id))]);
    const [created, values] = reply as [number, string[]];
    const record = decodeRecord(job.id, values);
    if (record === undefined) throw new TypeError('a created job has a record');
    // Behind a `SCRIPT FLUSH` the script is sent a second time, later than the index was written, and a
    // sweep or a prune in between drops a job without a record. So it is listed again, on the way of prune.
    const listed = created === 1 ? this.#index.opened(job.id) : undefined;
    await reach(Promise.all([listed, this.#index.prune()]));
    return { created: created === 1, record };
  }

  async get(job: string): Promise<JobRecord | undefined> {
    return decodeRecord(job, await reach(this.#values(job)));
  }

  async list(query: JobQuery): Promise<JobPage> {
    const records: JobRecord[] = [];
    let before = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    for (let scanned = 0; scanned < MAX_SCANNED; scanned += SCAN_SLICE) {
      const ids = await reach(this.#index.newest(SCAN_SLICE, before));
      for (const [id, record] of await this.#fetch(ids)) {
        before = id;
        if (record === undefined || !fits(record, query)) continue;
        records.push(record);
        if (records.length === query.limit) return page(records, before);
      }
      if (ids.length < SCAN_SLICE) return { records };
    }
    return page(records, before);
  }

  async cancel(job: string, by: CancelOrigin, reason: string): Promise<CancelResult> {
    const args = [job, by, JSON.stringify(reason)];
    const [kind, worker] = (await this.#run('cancel', job, args)) as [CancelResult['kind'], string];
    if (kind === 'ordered') return { kind, worker };
    await this.#index.ended(job);
    return { kind };
  }

  async fail(job: string, code: string, message: string): Promise<boolean> {
    const failed = await this.#run('fail', job, [job, JSON.stringify({ code, message })]);
    await this.#index.ended(job);
    return failed === 1;
  }

  open(limit: number, offset: number): Promise<string[]> {
    return reach(this.#index.open(limit, offset));
  }

  async sweep(job: string): Promise<boolean> {
    const state = (await this.#run('sweep', job, [job])) as string;
    if (state === 'missing') await reach(this.#index.forget([job]));
    if (state === 'ended') await this.#index.ended(job);
    return state === 'missing' || state === 'ended';
  }

  async reserveKey(
    key: string,
    mine: { readonly job: string; readonly fingerprint: string },
    ttlMs: number,
  ): Promise<{ readonly job: string; readonly fingerprint: string }> {
    // Hashed: a key of a client may be long, secret, or full of odd characters.
    const name = this.#keys.idempotency(createHash('sha256').update(key).digest('hex'));
    const value = JSON.stringify({ job: mine.job, fingerprint: mine.fingerprint });
    const stored = await reach(this.#redis.set(name, value, 'PX', ttlMs, 'NX', 'GET'));
    return stored === null ? mine : (JSON.parse(stored) as typeof mine);
  }

  async #fetch(ids: readonly string[]): Promise<[string, JobRecord | undefined][]> {
    const values = await reach(Promise.all(ids.map((id) => this.#values(id))));
    const found = ids.map((id, i): [string, JobRecord | undefined] => [
      id,
      decodeRecord(id, values[i] ?? []),
    ]);
    // What cannot be mended now is mended by the next look; the list can be read all the same.
    await this.#mend(found).catch(() => undefined);
    return found;
  }

  /**
   * Drops what is gone from the index and opens again what has not ended: a Redis that crashed may have
   * lost the end of a job, and then heard that the job is to be taken from the open ones.
   */
  async #mend(found: readonly [string, JobRecord | undefined][]): Promise<void> {
    const isOpen = (record?: JobRecord) => record !== undefined && !isEnded(record.status);
    await this.#index.forget(found.filter(([, record]) => !record).map(([id]) => id));
    await this.#index.reopen(found.filter(([, record]) => isOpen(record)).map(([id]) => id));
  }

  #values(job: string): Promise<(string | null)[]> {
    return this.#redis.hmget(this.#keys.meta(job), ...RECORD_FIELDS);
  }

  #run(
    name: 'createJob' | 'cancel' | 'fail' | 'sweep',
    job: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#scripts.run(name, this.#keys.all(job), args);
  }
}

function fits(record: JobRecord, query: JobQuery): boolean {
  return (
    (query.model === undefined || record.model === query.model) &&
    (query.status === undefined || record.status === query.status)
  );
}

function page(records: readonly JobRecord[], last: string | undefined): JobPage {
  return { records, ...(last !== undefined && { nextCursor: encodeCursor(last) }) };
}
