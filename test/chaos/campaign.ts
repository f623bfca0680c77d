// Submits jobs at random moments while there is room, and sees each of them to its end.
import { setTimeout as delay } from 'node:timers/promises';

import { ChaosJob } from './chaos-job.js';
import type { Dice } from './dice.js';
import { planJob } from './job-plans.js';
import type { World } from './world.js';

/** What two cores cope with. */
const MAX_OPEN_JOBS = 40;
const MAX_VIEWERS = 150;
const ASK_EVERY_MS = 1_000;

export class Campaign {
  readonly jobs: ChaosJob[] = [];
  /** Submissions that nobody took in time. */
  refused = 0;
  readonly #world: World;
  readonly #dice: Dice;
  readonly #seed: number;
  readonly #submitting = new Set<Promise<void>>();

  constructor(world: World, dice: Dice, seed: number) {
    this.#world = world;
    this.#dice = dice;
    this.#seed = seed;
  }

  async run(untilMs: number): Promise<void> {
    const canCheckpoint = await this.#canCheckpoint();
    let number = 0;
    while (Date.now() < untilMs) {
      await delay(this.#dice.int(50, 500));
      if (this.#isFull) continue;
      const dice = this.#dice.fork();
      const job = new ChaosJob(planJob(dice, canCheckpoint), this.#world, dice);
      const submitting = job.submit(`chaos-${this.#seed}-${++number}`).then((isAccepted) => {
        if (isAccepted) this.jobs.push(job);
        else this.refused += 1;
        this.#submitting.delete(submitting);
      });
      this.#submitting.add(submitting);
    }
  }

  get open(): ChaosJob[] {
    return this.jobs.filter((job) => !job.isDecided && !job.isSeenToEnd);
  }

  /** Asks how the jobs that nobody saw to the end are, until the signal says that it is enough. */
  async watchOver(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(this.open.map((job) => job.ask()));
      await delay(ASK_EVERY_MS);
    }
  }

  /** Waits until every job has an end and every viewer that stayed knows it; false when time is up. */
  async drain(deadlineMs: number): Promise<boolean> {
    const giveUpAt = Date.now() + deadlineMs;
    await Promise.all(this.#submitting);
    for (const job of this.jobs) job.askAnew();
    for (;;) {
      for (const job of this.jobs) job.calm();
      const undecided = this.jobs.filter((job) => !job.isDecided);
      for (const part of chunks(undecided, 20)) await Promise.all(part.map((job) => job.ask()));
      if (this.jobs.every((job) => job.isDecided && isKnown(job))) return true;
      if (Date.now() > giveUpAt) return false;
      await delay(250);
    }
  }

  get #isFull(): boolean {
    const { open } = this;
    const viewers = open.reduce((sum, { plan }) => sum + plan.viewers.length, 0);
    return open.length + this.#submitting.size >= MAX_OPEN_JOBS || viewers >= MAX_VIEWERS;
  }

  async #canCheckpoint(): Promise<boolean> {
    const response = await fetch(`${this.#world.cluster.api}/v1/models/pace`);
    return JSON.stringify(await response.json()).includes('checkpointEvery');
  }
}

function isKnown({ viewers, plan }: ChaosJob): boolean {
  const have = viewers.filter(
    ({ watcher, leftAt }) => leftAt !== undefined || watcher.isOver || watcher.isGone,
  );
  return have.length === plan.viewers.length;
}

export function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
