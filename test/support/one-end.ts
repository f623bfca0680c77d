// What must be true of every job that has ended, whoever ended it.
import { expect } from '@jest/globals';

import { isTerminalType } from '@stepcast/protocol';

import { call, type JobView, type SeenEvent } from './clients.js';
import { readLog } from './read-log.js';
import { waitFor } from './wait.js';
import type { Watcher } from './watcher.js';

export interface End {
  readonly record: JobView;
  readonly events: readonly SeenEvent[];
  readonly types: readonly string[];
  /** The terminal event. */
  readonly event: SeenEvent;
}

/**
 * Waits until a job has ended and proves: exactly one terminal event, the last of the log; the same in the
 * record; the same for every viewer that stayed, with nothing lost, repeated or behind the end.
 */
export async function expectOneEnd(
  api: string,
  job: string,
  stayed: readonly Watcher[] = [],
  deadlineMs = 30_000,
): Promise<End> {
  const read = async () => (await call<JobView>(`${api}/v1/jobs/${job}`)).body;
  await waitFor(async () => (await read())['finishedAt'] !== null, deadlineMs).catch(() => {
    throw new Error(`job ${job} has not ended in ${deadlineMs} ms`);
  });
  const record = await read();
  const events = await readLog(api, job);
  const types = events.map(({ type }) => type);
  expect(types.filter(isTerminalType)).toEqual([record.status]);
  expect(types.at(-1)).toBe(record.status);
  for (const watcher of stayed) {
    const seen = await watcher.ended(deadlineMs);
    expect(seen.faults).toEqual([]);
    expect(seen.state.end?.type).toBe(record.status);
    expect(seen.seq).toBe(events.length);
  }
  const event = events.at(-1);
  if (event === undefined) throw new Error(`job ${job} has an empty log`);
  return { record, events, types, event };
}

/** When the order to stop was given, as the `cancelled` event says; by the clock of Redis. */
export function orderedAt({ at, data }: SeenEvent): number {
  return at - Number(data['stoppedAfterMs']);
}
