import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Job } from '@stepcast/protocol';
import { HubError, isPassing, type HubClient } from '../hub-client.js';

export interface Submission {
  readonly model: string;
  readonly input: unknown;
  /** Whether the job goes on when nobody watches any more. */
  readonly isKept: boolean;
}

const TRIES = 3;
const PAUSE_MS = 500;

/** Submits a job: one, however often the answer is lost, because each try carries the same key. */
export async function submitJob(
  hub: HubClient,
  { model, input, isKept }: Submission,
): Promise<Job> {
  const onDisconnect = { policy: isKept ? 'continue' : 'cancel' };
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({ model, input, options: { onDisconnect } }),
  };
  return insist(() => hub.json<Job>('/v1/jobs', request));
}

/** Orders a job to stop; `cancelled` follows in its stream. A job that has ended is left alone. */
export async function cancelJob(hub: HubClient, job: string): Promise<void> {
  try {
    await insist(() => hub.json(`/v1/jobs/${job}`, { method: 'DELETE' }));
  } catch (error) {
    const hasEnded = error instanceof HubError && error.code === 'already_finished';
    if (!hasEnded) throw error;
  }
}

async function insist<T>(request: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await request();
    } catch (error) {
      if (!isPassing(error) || tries === TRIES) throw error;
      await wait(PAUSE_MS);
    }
  }
}
