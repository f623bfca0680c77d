import type { JobRecord } from '@stepcast/hub';
import {
  encodePosition,
  jobLinks,
  reservedData,
  type Job,
  type JobEvent,
} from '@stepcast/protocol';

/**
 * A job as clients see it. What it ended with is read from its terminal event, so that record and log
 * can never disagree.
 */
export function toJob(record: JobRecord, queue: Job['queue']): Job {
  return {
    id: record.id,
    model: record.model,
    status: record.status,
    attempt: record.attempt,
    position: encodePosition({ epoch: record.epoch, seq: record.top }),
    progress: record.progress ?? null,
    queue: record.status === 'queued' ? queue : null,
    ...readEnd(record.end),
    createdAt: record.createdAt,
    startedAt: record.startedAt ?? null,
    finishedAt: record.finishedAt ?? null,
    links: jobLinks(record.id),
  };
}

function readEnd(end: string | undefined): Pick<Job, 'output' | 'error' | 'cancel'> {
  const empty = { output: null, error: null, cancel: null };
  if (end === undefined) return empty;
  const { type, data } = JSON.parse(end) as JobEvent;
  switch (type) {
    case 'completed':
      return { ...empty, output: reservedData.completed.parse(data).output ?? null };
    case 'failed':
      return { ...empty, error: reservedData.failed.parse(data) };
    case 'cancelled':
      return { ...empty, cancel: reservedData.cancelled.parse(data) };
    default:
      throw new TypeError(`"${type}" does not end a job`);
  }
}
