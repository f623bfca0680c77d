import { StepcastError } from '@stepcast/protocol';
import { ReplyError } from 'ioredis';
import { NOT_NOW, replyCode } from './errors.js';

/**
 * Why Redis cannot be used:
 *
 * - `unreachable`: no connection, or no answer in time
 * - `loading`: it starts and reads its data
 * - `readonly`: it is a replica, as the old primary is behind a failover
 * - `full`: `maxmemory` is reached under `noeviction`
 * - `refusing`: another answer that means "not now", such as MISCONF, NOREPLICAS, BUSY
 */
export type TroubleKind = 'unreachable' | 'loading' | 'readonly' | 'full' | 'refusing';

export interface Trouble {
  readonly kind: TroubleKind;
  /** In the words of Redis, or of the connection. */
  readonly reason: string;
}

const KINDS: Readonly<Record<string, TroubleKind>> = {
  LOADING: 'loading',
  READONLY: 'readonly',
  OOM: 'full',
};

/** What an error of a command or connection says of Redis; undefined for faults of ours. */
export function troubleOf(thrown: unknown): Trouble | undefined {
  // What `reach` threw carries what Redis said.
  const error = thrown instanceof StepcastError ? (thrown.cause ?? thrown) : thrown;
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ReplyError)) return { kind: 'unreachable', reason: reason || 'no answer' };
  const code = replyCode(reason);
  return NOT_NOW.has(code) ? { kind: KINDS[code] ?? 'refusing', reason } : undefined;
}
