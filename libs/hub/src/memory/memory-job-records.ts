import { StepcastError, type CancelOrigin } from '@stepcast/protocol';
import type { JobRecord, NewJob } from '../ports/job-log.port.js';
import type { CancelResult, JobPage, JobQuery, JobRecords } from '../ports/job-records.port.js';
import { MemoryJob } from './memory-job.js';
import type { MemoryState } from './memory-state.js';

interface Reservation {
  readonly job: string;
  readonly fingerprint: string;
}

export class MemoryJobRecords implements JobRecords {
  readonly #state: MemoryState;
  readonly #keys = new Map<string, { readonly held: Reservation; readonly until: number }>();

  constructor(state: MemoryState) {
    this.#state = state;
  }

  create(spec: NewJob): Promise<{ readonly created: boolean; readonly record: JobRecord }> {
    return this.#state.step(() => {
      const known = this.#state.job(spec.id);
      if (known) return { created: false, record: known.record };
      const now = this.#state.now();
      const job = new MemoryJob({ ...spec, createdAt: now }, now);
      job.epoch = spec.epoch;
      this.#state.add(job);
      const data = JSON.stringify({ model: spec.model });
      this.#state.publish(job, [job.put({ type: 'queued', data }, now)]);
      return { created: true, record: job.record };
    });
  }

  get(job: string): Promise<JobRecord | undefined> {
    return this.#state.step(() => this.#state.job(job)?.record);
  }

  list(query: JobQuery): Promise<JobPage> {
    return this.#state.step(() => {
      const { cursor, limit } = query;
      if (cursor !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(cursor)) throw badCursor();
      const records = this.#state
        .ids()
        .reverse()
        .filter((id) => cursor === undefined || id < cursor)
        .flatMap((id) => this.#state.job(id)?.record ?? [])
        .filter((record) => fits(record, query));
      const last = records[limit - 1];
      const isLastPage = records.length <= limit || last === undefined;
      return { records: records.slice(0, limit), ...(!isLastPage && { nextCursor: last.id }) };
    });
  }

  cancel(name: string, by: CancelOrigin, reason: string): Promise<CancelResult> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job) return { kind: 'missing' };
      if (job.isEnded) return { kind: 'already_finished' };
      const now = this.#state.now();
      job.stop = job.decideStop(now) ?? { by, reason, at: now };
      if (job.worker !== undefined) return { kind: 'ordered', worker: job.worker };
      this.#state.publish(job, job.closeCancelled(job.stop, now));
      return { kind: 'closed' };
    });
  }

  fail(name: string, code: string, message: string): Promise<boolean> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job || job.isEnded) return false;
      const now = this.#state.now();
      job.attempt += 1;
      job.producerSeq = 0;
      const entry = job.put({ type: 'failed', data: JSON.stringify({ code, message }) }, now);
      job.close(entry, now);
      this.#state.publish(job, [entry]);
      return true;
    });
  }

  open(limit: number, offset: number): Promise<string[]> {
    return this.#state.step(() =>
      this.#state
        .ids()
        .filter((id) => this.#state.job(id)?.isEnded === false)
        .slice(offset, offset + limit),
    );
  }

  sweep(name: string): Promise<boolean> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job || job.isEnded) return true;
      if (job.worker !== undefined) return false;
      const now = this.#state.now();
      const order = job.decideStop(now);
      if (!order) return false;
      this.#state.publish(job, job.closeCancelled(order, now));
      return true;
    });
  }

  reserveKey(key: string, mine: Reservation, ttlMs: number): Promise<Reservation> {
    return this.#state.step(() => {
      const now = this.#state.now();
      const known = this.#keys.get(key);
      if (known && known.until > now) return known.held;
      this.#keys.set(key, { held: mine, until: now + ttlMs });
      return mine;
    });
  }
}

function fits(record: JobRecord, query: JobQuery): boolean {
  return (
    (query.model === undefined || record.model === query.model) &&
    (query.status === undefined || record.status === query.status)
  );
}

function badCursor(): StepcastError {
  const message = 'not a cursor; send `nextCursor` of the page before';
  return new StepcastError('invalid_input', `cursor: ${message}`, {
    faults: [{ path: 'cursor', message }],
  });
}
