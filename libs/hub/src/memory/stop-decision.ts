import type { JobOptions } from '@stepcast/protocol';
import type { StopOrder } from '../ports/job-log.port.js';

/**
 * Whether a job must stop, as a pure function. The same decision in Lua, where it is atomic with the
 * rest of a call: libs/redis/lua/includes/stop.lua. The contract suites hold both to the same rules.
 *
 * - D1 The first order wins and is never taken back.
 * - D2 Only jobs with policy `cancel` can lose interest.
 * - D3 Before the first holder, `firstAttachMs` counts from the creation (or restoration).
 * - D4 After a clean leave, `graceMs` counts from that moment; after an expiry, from the expiry.
 * - D5 When nobody has looked at the job for {@link SILENCE_MS}, the store itself may have been away and
 *   leases ran out because nobody could refresh them: an expired lease is then believed only
 *   {@link EXCUSE_MS} later, once per expiry. A clean leave needs no such excuse.
 * - D6 A job that has never started loses its turn `startTimeoutMs` after its creation.
 */

/** A worker looks at its job every second, a gateway refreshes its leases every two. */
export const SILENCE_MS = 2_500;

/** Two refreshes and a reconnect. */
export const EXCUSE_MS = 5_000;

/** What the decision rests on. All moments are by the clock of the store. */
export interface StopFacts {
  readonly options: JobOptions;
  readonly createdAt: number;
  readonly startedAt?: number | undefined;
  readonly stop?: StopOrder | undefined;
  /** From when `firstAttachMs` counts. */
  readonly interestFrom: number;
  readonly isHeld: boolean;
  /** When the last holder left cleanly. */
  readonly idleAt?: number | undefined;
  /** The latest expiry of a lease that was not released. */
  readonly leaseUntil?: number | undefined;
  /** When the job was last looked at. */
  readonly seenAt: number;
  /** Before this moment an expired lease is not believed (D5). */
  readonly trustAt: number;
}

/** What a look at the job changes in it. */
export interface StopDecision {
  readonly stop: StopOrder | undefined;
  readonly idleAt: number | undefined;
  readonly trustAt: number;
}

/** Decides at `now`; `isWaiting` when nothing runs, so that the start deadline counts too. */
export function decideStop(facts: StopFacts, now: number, isWaiting: boolean): StopDecision {
  if (facts.stop) return { stop: facts.stop, idleAt: facts.idleAt, trustAt: facts.trustAt };
  const { isLost, idleAt, trustAt } = judgeInterest(facts, now);
  return { stop: isLost ? disconnected(now) : overdue(facts, now, isWaiting), idleAt, trustAt };
}

interface Judgement {
  readonly isLost: boolean;
  readonly idleAt: number | undefined;
  readonly trustAt: number;
}

function judgeInterest(facts: StopFacts, now: number): Judgement {
  const { options, idleAt, leaseUntil = 0, trustAt } = facts;
  const kept = { isLost: false, idleAt, trustAt };
  if (options.onDisconnect.policy !== 'cancel' || leaseUntil > now) return kept;
  if (!facts.isHeld) return { ...kept, isLost: now > facts.interestFrom + options.firstAttachMs };
  // The leases are gone without a trace: count from here.
  if (idleAt === undefined && leaseUntil === 0) return { ...kept, idleAt: now };
  if ((idleAt ?? 0) < leaseUntil) return judgeExpiry(facts, leaseUntil, now);
  return { ...kept, isLost: now > (idleAt ?? 0) + options.onDisconnect.graceMs };
}

function judgeExpiry(facts: StopFacts, expiredAt: number, now: number): Judgement {
  const isExcused = now - facts.seenAt > SILENCE_MS && facts.trustAt <= expiredAt;
  const trustAt = isExcused ? now + EXCUSE_MS : facts.trustAt;
  const isLost = now >= trustAt && now > expiredAt + facts.options.onDisconnect.graceMs;
  return { isLost, idleAt: facts.idleAt, trustAt };
}

function disconnected(at: number): StopOrder {
  return { by: 'disconnect', reason: 'Nobody was watching any more.', at };
}

function overdue(facts: StopFacts, now: number, isWaiting: boolean): StopOrder | undefined {
  const deadline = facts.createdAt + facts.options.startTimeoutMs;
  if (!isWaiting || facts.startedAt !== undefined || now <= deadline) return undefined;
  const reason = 'The job waited in the queue for longer than startTimeoutMs.';
  return { by: 'timeout', reason, at: now };
}
