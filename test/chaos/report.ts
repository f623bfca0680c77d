// What a run says of itself: a table of numbers, and enough of each fault to find it.
import { inspect } from 'node:util';

import type { ChaosJob } from './chaos-job.js';
import type { Campaign } from './campaign.js';
import { describe, type Breach, type Finding, type Judge } from './judge.js';
import type { Schedule } from './schedule.js';

export interface Run {
  readonly seed: number;
  readonly startedAt: number;
  readonly campaign: Campaign;
  readonly schedule: Schedule;
  readonly judge: Judge;
}

/** Each must be zero. */
const breaches: readonly Breach[] = [
  ...(['lost', 'repeated', 'out of order', 'after the end', 'malformed', 'differing'] as const),
  ...(['wrong state', 'wrong end', 'no end', 'vanished', 'ran on', 'surprise', 'leak'] as const),
];

const MAX_DETAILS = 20;

export type Numbers = Readonly<Record<string, number>>;

/** Name and number of every row of the table. */
export function numbersOf({ campaign, schedule, judge }: Run): Numbers {
  const { jobs } = campaign;
  const viewers = jobs.flatMap((job) => job.viewers);
  const count = (end: string): number =>
    jobs.filter(({ verdict }) => verdict?.status === end).length;
  const sum = (values: readonly number[]): number => values.reduce((one, other) => one + other, 0);
  return {
    jobs: jobs.length,
    ...Object.fromEntries(
      ['completed', 'failed', 'cancelled'].map((end) => [`… ${end}`, count(end)]),
    ),
    'jobs lost with Redis': judge.lostWithRedis,
    'jobs with a second attempt': jobs.filter(({ verdict }) => (verdict?.attempt ?? 0) > 1).length,
    'submissions not taken': campaign.refused,
    viewers: viewers.length,
    connections: sum(viewers.map(({ watcher }) => watcher.connects)),
    events: sum(viewers.map(({ watcher }) => watcher.seen.marks.length)),
    resets: sum(viewers.map(({ watcher }) => watcher.seen.resets.length)),
    faults: schedule.struck.length,
    'GPU-seconds nobody wanted': Number((judge.ranOnMs / 1_000).toFixed(1)),
    '… worst of a job': Number((judge.worstRanOnMs / 1_000).toFixed(1)),
    ...Object.fromEntries(
      breaches.map((breach) => [
        breach,
        judge.findings.filter((of) => of.breach === breach).length,
      ]),
    ),
  };
}

export function printReport(run: Run): void {
  const { schedule, judge, seed } = run;
  for (const finding of judge.findings.slice(0, MAX_DETAILS)) printFinding(run, finding);
  const more = judge.findings.length - MAX_DETAILS;
  if (more > 0) console.log(`\n… and ${more} more`);

  console.log('\n| fault | times |\n| --- | ---: |');
  const kinds = new Map<string, number>();
  for (const { kind } of schedule.struck) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  for (const [kind, times] of [...kinds].sort()) console.log(`| ${kind} | ${times} |`);

  console.log(`\n| chaos, seed ${seed} | |\n| --- | ---: |`);
  for (const [name, value] of Object.entries(numbersOf(run))) console.log(`| ${name} | ${value} |`);
}

function printFinding(run: Run, { breach, what, job, viewer }: Finding): void {
  console.log(`\n${breach}: ${what} (seed ${run.seed})`);
  if (job !== undefined) printJob(run, job);
  if (viewer === undefined) return;
  const { plan, watcher } = viewer;
  const { seen, connects, isOver, sentAway } = watcher;
  console.log(`  viewer ${inspect(plan, { breakLength: 200 })}`);
  const resets = seen.resets.join(' ');
  console.log(`  at ${String(seen.position)}; ${inspect({ connects, isOver, resets })}`);
  if (sentAway !== undefined) {
    const seconds = (sentAway.at - run.startedAt) / 1_000;
    console.log(`  was sent away at ${seconds.toFixed(1)} s: ${sentAway.how}`);
  }
  console.log(`  saw ${seen.marks.slice(-20).map(describe).join(', ')}`);
}

function printJob({ startedAt, schedule }: Run, job: ChaosJob): void {
  const { id, plan, verdict, acceptedAt, submittedAt } = job;
  const { viewers, ...rest } = plan;
  const ago = (at: number | null | undefined): string =>
    at ? `${((at - startedAt) / 1_000).toFixed(1)} s` : 'never';
  console.log(`  job ${id} ${inspect(rest, { breakLength: 200 })}, ${viewers.length} viewers`);
  const { status, attempt, error, cancel, finishedAt = null } = verdict ?? {};
  console.log(`  ${inspect({ status, attempt, error, cancel }, { breakLength: 200 })}`);
  const times = [submittedAt, acceptedAt, verdict?.startedAt, finishedAt].map(ago).join(', ');
  console.log(`  submitted, accepted, started, ended at ${times}`);
  const around = schedule.struck.filter(
    ({ at, overAt = Infinity }) =>
      overAt > submittedAt - 2_000 && at < (finishedAt ?? Infinity) + 5_000,
  );
  for (const { kind, what, at, overAt } of around) {
    console.log(`  ${ago(at)} to ${ago(overAt)}: ${kind}: ${what}`);
  }
}
