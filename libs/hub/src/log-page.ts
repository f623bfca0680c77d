import type { JobState } from './fold.js';
import type { JobRecord, LogEntry, LogPage } from './ports/job-log.port.js';

/** Where the events that a viewer can have begin: behind `seq`, with the state up to there. */
export interface Base {
  /** 0 = the log is whole from its first event. */
  readonly seq: number;
  /** JSON of the folded state; absent when seq is 0. */
  readonly state?: string;
}

const INITIAL_STATE: JobState = { status: 'queued', attempt: 0, log: [], events: {} };

/** The state that a snapshot at a base carries. */
export function stateOf(base: Base): JobState {
  return base.state === undefined ? INITIAL_STATE : (JSON.parse(base.state) as JobState);
}

/**
 * What a page says to somebody who has everything up to `after`: the events that follow, or a base
 * to begin anew from. Never a list with a hole: when events are missing and no snapshot stands for
 * them, the record (status, attempt, end) is the best truth there is.
 */
export function assemble(
  page: LogPage,
  after: number,
): { readonly base?: Base; readonly entries: readonly LogEntry[] } {
  const { record, snapshot, entries } = page;
  if (snapshot !== undefined) {
    return { base: snapshot, entries: contiguous(entries, snapshot.seq) };
  }
  const first = entries[0];
  if (first === undefined) {
    return record.top <= after ? { entries } : { base: baseOfRecord(record, record.top), entries };
  }
  if (first.seq === after + 1) return { entries: contiguous(entries, after) };
  return { base: baseOfRecord(record, first.seq - 1), entries: contiguous(entries, first.seq - 1) };
}

function contiguous(entries: readonly LogEntry[], after: number): readonly LogEntry[] {
  const end = entries.findIndex((entry, index) => entry.seq !== after + 1 + index);
  return end === -1 ? entries : entries.slice(0, end);
}

/** The record tells how the job is now: at an earlier seq it had not ended. */
function baseOfRecord(record: JobRecord, seq: number): Base {
  const isNow = seq >= record.top;
  const end: unknown = isNow && record.end !== undefined ? JSON.parse(record.end) : undefined;
  const status = isNow ? record.status : 'running';
  const state = { status, attempt: record.attempt, log: [], events: {}, end };
  return { seq, state: JSON.stringify(state) };
}
