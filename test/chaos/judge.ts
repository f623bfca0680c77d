// The oracle: what every viewer of a job saw, against each other, the model's own truth and the record.
import { isDeepStrictEqual } from 'node:util';

import type { FaultKind as DeliveryFault, Mark, Seen } from '../support/seen.js';
import { stateFaults } from '../support/sample-folds.js';
import type { ChaosJob, ChaosViewer } from './chaos-job.js';
import type { JobPlan } from './job-plans.js';
import type { Struck } from './schedule.js';
import type { Crash } from './world.js';

export type Breach =
  | DeliveryFault
  /** Two viewers were sent different bytes under one position. */
  | 'differing'
  | 'wrong state'
  | 'wrong end'
  /** A job without an end, or a viewer that was never told. */
  | 'no end'
  /** The hub forgot a job although Redis did not. */
  | 'vanished'
  | 'ran on'
  | 'surprise'
  | 'leak';

export interface Finding {
  readonly breach: Breach;
  readonly what: string;
  readonly job?: ChaosJob;
  readonly viewer?: ChaosViewer;
}

/** What a crash may take: `everysec` is a second, and a write that waits for the disk another. */
const MAY_LOSE_MS = 2_000;

/** The last lease, the worker's next look, the kill, and a machine that is full. */
const MAY_RUN_ON_MS = 6_000 + 1_000 + 1_500 + 10_000;

/** What a disturbance adds to its own time: an expired lease is believed only 5 s later, and a lock has to lapse. */
const RECOVERY_MS = 6_000;

/** Faults that keep a worker from Redis, or end it. */
const DISTURBS = /Redis|worker|CLIENT|DEBUG|cut|reset|stalled/;

export class Judge {
  readonly findings: Finding[] = [];
  /** Jobs that were accepted just before Redis lost what it had been told. */
  lostWithRedis = 0;
  /** Time that models ran although nobody held their job any more, after the grace, in milliseconds. */
  ranOnMs = 0;
  worstRanOnMs = 0;
  readonly #crashes: readonly Crash[];
  readonly #struck: readonly Struck[];

  constructor(crashes: readonly Crash[], struck: readonly Struck[]) {
    this.#crashes = crashes;
    this.#struck = struck;
  }

  judge(job: ChaosJob, late: ChaosViewer | undefined): void {
    for (const viewer of job.viewers) this.#judgeDelivery(job, viewer);
    if (job.isUnknown) {
      this.#judgeVanished(job);
    } else if (job.verdict === undefined) {
      this.#find({ breach: 'no end', what: `the API knows no end: ${job.autopsy}`, job });
    } else {
      this.#judgeEnd(job, late);
      this.#judgeRunningOn(job);
      this.#compare(job);
    }
  }

  #find(finding: Finding): void {
    this.findings.push(finding);
  }

  #judgeDelivery(job: ChaosJob, viewer: ChaosViewer): void {
    const { watcher, leftAt } = viewer;
    for (const { kind, what } of watcher.seen.faults) {
      this.#find({ breach: kind, what, job, viewer });
    }
    if (leftAt === undefined && !watcher.isOver && !watcher.isGone) {
      this.#find({ breach: 'no end', what: 'a viewer that stayed was never told', job, viewer });
    }
  }

  #judgeVanished(job: ChaosJob): void {
    if (this.#mayHaveLost(job.submittedAt, job.acceptedAt)) this.lostWithRedis += 1;
    else this.#find({ breach: 'vanished', what: 'the hub does not know it any more', job });
  }

  /** Whether Redis may have forgotten what was written in that time. */
  #mayHaveLost(from: number, to = from): boolean {
    return this.#crashes.some(({ at }) => at >= from && at <= to + MAY_LOSE_MS);
  }

  #judgeEnd(job: ChaosJob, late: ChaosViewer | undefined): void {
    const wrong = (what: string, viewer = late): void => {
      this.#find({ breach: 'wrong end', what, job, ...(viewer && { viewer }) });
    };
    const disallowed = whyNot(job);
    if (disallowed !== undefined) wrong(disallowed);
    const sentAway = job.viewers.find(({ watcher }) => watcher.isGone);
    if (sentAway !== undefined) wrong('a viewer was told that there is no such job', sentAway);
    const status = late?.watcher.seen.state.status;
    if (status !== job.verdict?.status) wrong(`the log says ${String(status)}`);
  }

  #judgeRunningOn(job: ChaosJob): void {
    const { plan, verdict, heldUntil } = job;
    const { finishedAt, startedAt } = verdict ?? {};
    if (plan.policy !== 'cancel' || heldUntil === undefined || !finishedAt || !startedAt) return;
    const from = Math.max(startedAt, heldUntil + plan.graceMs);
    const ranOnMs = finishedAt - from;
    if (!(ranOnMs > 0)) return;
    this.ranOnMs += ranOnMs;
    this.worstRanOnMs = Math.max(this.worstRanOnMs, ranOnMs);
    if (ranOnMs > MAY_RUN_ON_MS + this.#excuseMs(from, finishedAt))
      this.#find({ breach: 'ran on', what: `for ${ranOnMs} ms`, job });
  }

  /** Time that faults between a worker and Redis give a job that should have stopped. */
  #excuseMs(from: number, to: number): number {
    return this.#struck
      .filter(({ kind, at, overAt = to }) => DISTURBS.test(kind) && at < to && overAt > from)
      .reduce((sum, { at, overAt = to }) => sum + overAt - at + RECOVERY_MS, 0);
  }

  /** All that saw the end hold the same, and it is what the model made. */
  #compare(job: ChaosJob): void {
    const { plan, viewers } = job;
    const bytes = new Map<string, string>();
    const ended = viewers.filter(({ watcher }) => watcher.seen.hasEnded);
    const last = ended.at(-1)?.watcher.seen.state;
    for (const viewer of viewers) {
      const { seen } = viewer.watcher;
      const isFolded = viewer.plan.habit === 'slow' && plan.model !== 'pace';
      const other = isFolded ? undefined : clash(bytes, seen);
      if (other) this.#find({ breach: 'differing', what: describe(other), job, viewer });
    }
    for (const viewer of ended) {
      const { state } = viewer.watcher.seen;
      for (const what of stateFaults(plan.model, plan.input, state)) {
        this.#find({ breach: 'wrong state', what, job, viewer });
      }
      // An end that Redis forgot comes again, and another way.
      if (isDeepStrictEqual(state, last) || this.#mayHaveLost(state.end?.at ?? 0)) continue;
      const what = `another state than the last viewer's: ${difference(state, last)}`;
      this.#find({ breach: 'wrong state', what, job, viewer });
    }
  }
}

/** What is wrong with how a job ended, given what was asked and what can happen to it. */
function whyNot({ plan, verdict, isDeleted }: ChaosJob): string | undefined {
  switch (verdict?.status) {
    case 'completed':
      return plan.fails === 'always' ? 'completed, although every attempt throws' : undefined;
    case 'failed':
      return mayFail(plan, verdict.error?.code) ? undefined : 'failed for no reason';
    default:
      return plan.policy === 'continue' && !isDeleted
        ? `cancelled by ${String(verdict?.cancel?.by)}, and nobody asked for it`
        : undefined;
  }
}

function mayFail({ fails }: JobPlan, code: string | undefined): boolean {
  if (code === 'model_error') return fails !== 'never';
  return code === 'worker_lost' || code === 'host_crashed';
}

/** The first event that has other bytes than the same position had elsewhere. */
function clash(bytes: Map<string, string>, seen: Seen): Mark | undefined {
  return seen.marks.find(({ epoch, seq, hash }) => {
    const known = bytes.get(`${epoch}.${seq}`);
    bytes.set(`${epoch}.${seq}`, known ?? hash);
    return known !== undefined && known !== hash;
  });
}

export function describe({ epoch, seq, attempt, type }: Mark): string {
  return `${epoch}.${seq}/${attempt} ${type}`;
}

function difference(one: object, other: object | undefined): string {
  const [mine, theirs] = [JSON.stringify(one), JSON.stringify(other ?? null)];
  let at = 0;
  while (at < mine.length && mine[at] === theirs[at]) at++;
  return `…${mine.slice(Math.max(0, at - 80), at + 80)}… and …${theirs.slice(Math.max(0, at - 80), at + 80)}…`;
}
