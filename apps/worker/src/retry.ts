import { setTimeout as delay } from 'node:timers/promises';
import { StepcastError } from '@stepcast/protocol';
import type { Logger } from '@stepcast/platform';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

export interface RetryOptions {
  /** What is done, for the log. */
  readonly what: string;
  readonly logger: Logger;
  /** Gives up when it fires. */
  readonly signal: AbortSignal;
}

/**
 * Repeats a call while the store cannot be reached, with growing pauses. Everything else that it throws
 * passes through.
 * @returns undefined when the signal fired first
 */
export async function whileUnavailable<Result>(
  call: () => Promise<Result>,
  { what, logger, signal }: RetryOptions,
): Promise<Result | undefined> {
  for (
    let pauseMs = FIRST_PAUSE_MS;
    !signal.aborted;
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
  ) {
    try {
      return await call();
    } catch (error) {
      if (StepcastError.from(error).code !== 'unavailable') throw error;
      logger.warn({ err: error, pauseMs }, `the store is unavailable, trying again: ${what}`);
    }
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return undefined;
}
