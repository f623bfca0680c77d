import type { JobLogReader, LogEntry, LogHead, LogPage } from '../ports/job-log.port.js';
import type { MemoryJob } from './memory-job.js';
import type { MemoryState } from './memory-state.js';

/** Characters of events in one page: the adapter for Redis cuts at about as many bytes. */
const MAX_PAGE_LENGTH = 1_048_576;

export class MemoryJobLogReader implements JobLogReader {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  read(
    name: string,
    after: number,
    limit: number,
    maxLength = MAX_PAGE_LENGTH,
  ): Promise<LogPage | undefined> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job) return undefined;
      const { record, snapshot } = job;
      const entries = range(job, after, limit, maxLength);
      const isWhole = entries.length > 0 || after >= job.top;
      if (isWhole || !snapshot || snapshot.seq <= after) return { record, entries };
      return { record, entries: range(job, snapshot.seq, limit, maxLength), snapshot };
    });
  }

  heads(jobs: readonly string[]): Promise<(LogHead | undefined)[]> {
    return this.#state.step(() =>
      jobs.map((name) => {
        const job = this.#state.job(name);
        return job && { epoch: job.epoch, top: job.top };
      }),
    );
  }
}

/** The events behind `after`, unless the first of them is missing. */
function range(job: MemoryJob, after: number, limit: number, maxLength: number): LogEntry[] {
  const start = job.log?.findIndex((entry) => entry.seq === after + 1) ?? -1;
  if (start < 0) return [];
  const entries = job.log?.slice(start, start + limit) ?? [];
  let length = 0;
  const end = entries.findIndex((entry, i) => {
    length += entry.json.length;
    return i > 0 && length > maxLength;
  });
  return end < 0 ? entries : entries.slice(0, end);
}
