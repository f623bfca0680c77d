import { StepcastError } from '@stepcast/protocol';
import { ReplyError } from 'ioredis';

/**
 * Answers of a Redis that is there and cannot serve now. The first word of an error reply is its code by
 * the protocol of Redis; nothing else of the text is looked at.
 */
export const NOT_NOW: ReadonlySet<string> = new Set([
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MISCONF',
  'NOREPLICAS',
  'OOM',
  'BUSY',
]);

/**
 * How long a call waits for its answer, whatever happens in between. Longer than any pause that Redis
 * makes and survives, so that a slow Redis is slow and not `unavailable`.
 */
const DEADLINE_MS = 10_000;

/**
 * Awaits a command; whatever means that Redis cannot be reached or cannot serve now becomes
 * `unavailable`. Other error replies are faults of ours and become `internal`.
 *
 * A race by hand, unlike the deadlines elsewhere: the library makes an error with a stack for each call,
 * which was 7 % of what a hub did for tokens (bench/batching.bench.ts).
 */
export function reach<T>(command: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(toStepcastError(new Error(`no answer within ${DEADLINE_MS} ms`)));
    }, DEADLINE_MS);
    command
      .finally(() => {
        clearTimeout(timer);
      })
      .then(resolve, (error: unknown) => {
        reject(toStepcastError(error));
      });
  });
}

/** The code of a Redis error reply: its first word, also when a script adds a prefix to it. */
export function replyCode(message: string): string {
  return /^(?:ERR )?(?:Error running script[^:]*: )?-?([A-Z]+)/.exec(message)?.[1] ?? '';
}

export function toStepcastError(error: unknown): StepcastError {
  if (error instanceof ReplyError && !NOT_NOW.has(replyCode((error as Error).message))) {
    return StepcastError.from(error);
  }
  return new StepcastError('unavailable', undefined, { cause: error });
}
