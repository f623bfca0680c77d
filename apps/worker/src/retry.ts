import { setTimeout as delay } from 'node:timers/promises';
import { FaultSpell } from '@stepcast/jobs';
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
  /** Told of the waiting, for the metrics. */
  readonly waits?: StoreWaits;
}

/** What is counted of calls that wait for the store. */
export interface StoreWaits {
  /** A call was refused and will be tried again. */
  retried(what: string): void;
  /** A job waits for the store from here on … */
  waitBegan(): void;
  /** … and until here. */
  waitEnded(): void;
}

/**
 * Repeats a call while the store cannot be reached, with growing pauses. Everything else that it throws
 * passes through. The log gets one line when the waiting begins and one when it is over.
 * @returns undefined when the signal fired first
 */
export async function whileUnavailable<Result>(
  call: () => Promise<Result>,
  { what, logger, signal, waits }: RetryOptions,
): Promise<Result | undefined> {
  const spell = new FaultSpell({
    began: (err) => {
      waits?.waitBegan();
      logger.warn({ err, what }, 'the store is unavailable: the job waits');
    },
    ended: (ended) => {
      waits?.waitEnded();
      if (signal.aborted) logger.warn({ ...ended, what }, 'the job stops waiting for the store');
      else logger.info({ ...ended, what }, 'the store is there again: the job goes on');
    },
  });
  try {
    return await repeat(call, signal, (error) => {
      spell.failed(error);
      waits?.retried(what);
    });
  } finally {
    spell.worked();
  }
}

async function repeat<Result>(
  call: () => Promise<Result>,
  signal: AbortSignal,
  onRefused: (error: unknown) => void,
): Promise<Result | undefined> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      return await call();
    } catch (error) {
      if (StepcastError.from(error).code !== 'unavailable') throw error;
      onRefused(error);
    }
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
  }
  return undefined;
}
