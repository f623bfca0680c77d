// A hub under random faults, and whether it kept every promise: `npm run chaos -- --minutes 3 --seed 1`.
//
// Jobs of every shape are submitted and watched while a fault strikes every second or two. Then everything
// drains, each job is read once more by a late viewer, and what all of them saw is judged (judge.ts). The
// seed decides what is chosen; how it falls together with the clock of the machine it does not.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { stopAllApps } from '../support/app-process.js';
import { stopAllRedis } from '../support/private-redis.js';
import { stopAllProxies } from '../support/tcp-proxy.js';
import { stopAllWatchers } from '../support/watcher.js';
import { Campaign, chunks } from './campaign.js';
import type { ChaosJob, ChaosViewer } from './chaos-job.js';
import { Dice } from './dice.js';
import type { ViewerPlan } from './job-plans.js';
import { Judge } from './judge.js';
import { leftovers } from './leftovers.js';
import { numbersOf, printReport, type Run } from './report.js';
import { Schedule } from './schedule.js';
import { World } from './world.js';

const DRAIN_MS = 120_000;
/** For all late viewers together; each gets a second at least. */
const LATE_MS = 60_000;
/** Beyond the time of the faults: more than every wait of the run together. */
const REST_MS = 10 * 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    /** Regular expression of the faults to make. */
    faults: { type: 'string' },
    /** File for the numbers. */
    json: { type: 'string' },
    /** Folder for the logs of all processes. */
    logs: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const forMs = Number(values.seconds ?? Number(values.minutes) * 60) * 1_000;
if (!(forMs > 0) || !Number.isSafeInteger(seed))
  throw new RangeError('--seconds and --seed are numbers');

setTimeout(() => {
  console.error('the run itself hangs');
  process.exit(1);
}, forMs + REST_MS).unref();

console.log(`chaos: ${forMs / 1_000} s, seed ${seed}`);
const world = await World.start();
try {
  const run = await wreak(world);
  printReport(run);
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ seed, ...numbersOf(run) }, null, 2)}\n`);
  }
  if (values.logs !== undefined) await keepLogs(values.logs);
  process.exitCode = run.judge.findings.length === 0 ? 0 : 1;
} finally {
  stopAllWatchers();
  await world.stop();
  await stopAllApps();
  await stopAllProxies();
  await stopAllRedis();
}
process.exit();

async function wreak(hub: World): Promise<Run> {
  const dice = new Dice(seed);
  const campaign = new Campaign(hub, dice.fork(), seed);
  const schedule = new Schedule(hub, dice.fork(), values.faults);
  const startedAt = Date.now();
  const judge = new Judge(hub.crashes, schedule.struck);
  const untilMs = startedAt + forMs;
  const enough = new AbortController();
  const watching = campaign.watchOver(enough.signal);
  await Promise.all([campaign.run(untilMs), schedule.run(untilMs)]);
  enough.abort();
  await watching;

  say(`draining ${campaign.open.length} of ${campaign.jobs.length} jobs`, startedAt);
  await campaign.drain(DRAIN_MS);
  say('reading every job once more', startedAt);
  const giveUpAt = Date.now() + LATE_MS;
  for (const part of chunks(campaign.jobs, 20)) {
    const deadlineMs = Math.max(1_000, giveUpAt - Date.now());
    const late = await Promise.all(part.map((job, index) => readOnceMore(job, index, deadlineMs)));
    part.forEach((job, index) => {
      judge.judge(job, late[index]);
    });
  }
  stopAllWatchers();
  say('looking for leaks', startedAt);
  for (const what of await leftovers(hub)) judge.findings.push({ breach: 'leak', what });
  for (const what of [...hub.surprises, ...schedule.problems]) {
    judge.findings.push({ breach: 'surprise', what });
  }
  return { seed, startedAt, campaign, schedule, judge };
}

/** A viewer that comes after the end. */
async function readOnceMore(
  job: ChaosJob,
  index: number,
  deadlineMs: number,
): Promise<ChaosViewer | undefined> {
  if (job.verdict === undefined) {
    job.autopsy = await world.autopsy(job.id);
    return undefined;
  }
  const transport = index % 2 === 0 ? 'ws' : 'sse';
  const plan: ViewerPlan = {
    ...{ transport, hold: false, joinAfterMs: 0, habit: 'stays', everyMs: 0 },
  };
  const viewer = job.watch(plan);
  const { watcher } = viewer;
  await watcher.until(() => watcher.isOver || watcher.isGone, deadlineMs).catch(() => undefined);
  return viewer;
}

async function keepLogs(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const current = world.apps().map(({ name, pid, log }) => ({ name: `${name}-${pid}`, log }));
  for (const { name, log } of [...world.oldLogs, ...current]) {
    await writeFile(path.join(folder, `${name}.log`), `${log.join('\n')}\n`);
  }
}

function say(what: string, startedAt: number): void {
  console.log(`${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${what}`);
}
