import { randomUUID } from 'node:crypto';
import type {
  AppendResult,
  Attempt,
  Batch,
  CheckResult,
  Checkpoint,
  CheckpointResult,
  Claim,
  ClaimOptions,
  JobLogWriter,
  JobRecord,
  Restore,
  Snapshot,
} from '@stepcast/hub';
import { isTerminalType } from '@stepcast/protocol';
import type { JobIndex } from './job-index.js';
import { RECORD_FIELDS, decodeRecord, decodeStop, fixedFields, maxOpenMs } from './job-record.js';
import type { Keys } from './keys.js';
import type { Scripts } from './scripts.js';

/**
 * Appends to the logs of jobs: one script per call (lua/append-5.lua keeps L1–L7).
 *
 * Calls are at-least-once — ioredis sends a command again when its reply was lost — and the scripts make
 * the effect exactly-once. Every method throws `unavailable` when Redis cannot be reached in time; the
 * caller sends the same call again.
 */
export class RedisJobLog implements JobLogWriter {
  readonly #keys: Keys;
  readonly #scripts: Scripts;
  readonly #index: JobIndex;

  constructor(keys: Keys, scripts: Scripts, index: JobIndex) {
    this.#keys = keys;
    this.#scripts = scripts;
    this.#index = index;
  }

  async claim(job: string, worker: string, options: ClaimOptions = {}): Promise<Claim> {
    const { token = randomUUID(), version = '' } = options;
    const args = [job, worker, token, version, ...RECORD_FIELDS];
    const [reply] = (await Promise.all([
      this.#run('claim', job, args),
      // Heals an index that was lost: what runs must be found if its worker dies. In the same write.
      this.#index.opened(job).catch(() => undefined),
    ])) as [[string, ...unknown[]], unknown];
    if (reply[0] !== 'claimed') {
      await this.#index.ended(job);
      return { kind: reply[0] as 'closed' | 'missing' };
    }
    const [, attempt, at, input, values, seq, data] = reply as ClaimReply;
    const record = decodeRecord(job, values);
    if (record === undefined) throw new TypeError('a claimed job has a record');
    const claim = { kind: 'claimed', attempt, token, record, input, at } as const;
    return seq === undefined || data === undefined ? claim : { ...claim, resume: { seq, data } };
  }

  async append(batch: Batch): Promise<AppendResult> {
    const reply = (await this.#run('append', batch.job, [
      batch.job,
      batch.attempt,
      batch.token,
      batch.epoch,
      batch.firstProducerSeq,
      batch.expectedTop,
      batch.progress ? JSON.stringify(batch.progress) : '',
      ...batch.events.flatMap((event) => [event.type, toLine(event.data)]),
    ])) as [AppendResult['kind'], ...unknown[]];
    switch (reply[0]) {
      case 'stored': {
        if (isTerminalType(batch.events.at(-1)?.type ?? '')) await this.#index.ended(batch.job);
        const stop = decodeStop(reply[2], reply[3], reply[4]);
        return { kind: 'stored', top: Number(reply[1]), ...(stop && { stop }) };
      }
      case 'gap':
        return { kind: 'gap', expectedProducerSeq: Number(reply[1]) };
      default:
        return { kind: reply[0] };
    }
  }

  async check({ job, attempt, token }: Attempt): Promise<CheckResult> {
    const reply = (await this.#run('check', job, [attempt, token])) as [
      CheckResult['kind'],
      ...unknown[],
    ];
    if (reply[0] !== 'running') return { kind: reply[0] };
    const stop = decodeStop(reply[1], reply[2], reply[3]);
    return { kind: 'running', ...(stop && { stop }) };
  }

  async requeue({ job, attempt, token }: Attempt): Promise<void> {
    await this.#scripts.run('requeue', [this.#keys.meta(job)], [attempt, token]);
  }

  async restore(restore: Restore): Promise<'restored' | 'fenced' | 'closed'> {
    const { record } = restore;
    const result = (await this.#run('restore', record.id, [
      record.id,
      restore.attempt,
      restore.token,
      restore.claimedAt,
      restore.epoch,
      restore.seq,
      toLine(restore.state),
      restore.producerSeq,
      maxOpenMs(record.options),
      record.stop?.by ?? '',
      JSON.stringify(record.stop?.reason ?? ''),
      record.stop?.at ?? 0,
      ...fixedFields({ ...record, input: restore.input }),
      ...historyFields(record),
    ])) as 'restored' | 'fenced' | 'closed';
    if (result === 'restored') await this.#index.opened(record.id);
    return result;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<boolean> {
    const { job, attempt, token, epoch, seq, state } = snapshot;
    const keys = [this.#keys.meta(job), this.#keys.log(job), this.#keys.snapshot(job)];
    const args = [attempt, token, epoch, seq, state];
    return (await this.#scripts.run('saveSnapshot', keys, args)) === 1;
  }

  async saveCheckpoint(checkpoint: Checkpoint): Promise<CheckpointResult> {
    const { job, attempt, token, epoch, seq, version, data } = checkpoint;
    const keys = [this.#keys.meta(job), this.#keys.log(job)];
    const args = [attempt, token, epoch, seq, version, data];
    return (await this.#scripts.run('saveCheckpoint', keys, args)) as CheckpointResult;
  }

  #run(
    name: 'claim' | 'append' | 'check' | 'restore',
    job: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#scripts.run(name, this.#keys.all(job), args);
  }
}

/** What lua/claim-5.lua says of a job that was claimed. */
type ClaimReply = [
  kind: string,
  attempt: number,
  at: number,
  input: string,
  values: string[],
  seq?: number,
  data?: string,
];

/**
 * JSON on one line: messages are split at line breaks. A line break in JSON is only ever white space
 * between tokens, since inside strings it is escaped.
 */
function toLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}

/** Field, value, … of what has happened to a running job so far. */
function historyFields(record: JobRecord): (string | number)[] {
  return [
    ...['createdAt', record.createdAt],
    ...['startedAt', record.startedAt ?? record.createdAt],
    ...(record.worker === undefined ? [] : ['worker', record.worker]),
    ...(record.progress ? ['progress', JSON.stringify(record.progress)] : []),
  ];
}
