// One job of the run, from its submission to its end, with everybody who watches it.
import { setTimeout as delay } from 'node:timers/promises';

import { call } from '../support/clients.js';
import { sampleFold } from '../support/sample-folds.js';
import {
  submitOverStream,
  submitOverWs,
  type Accepted,
  type Submission,
} from '../support/submit-connections.js';
import { Watcher } from '../support/watcher.js';
import type { Dice } from './dice.js';
import type { JobPlan, ViewerPlan } from './job-plans.js';
import type { World } from './world.js';

export interface ChaosViewer {
  readonly plan: ViewerPlan;
  readonly watcher: Watcher;
  /** When it left for good. */
  leftAt?: number;
}

/** What the API says of a job in the end; undefined while it has not been asked with success. */
export interface Verdict {
  readonly status: string;
  readonly attempt: number;
  readonly error: { readonly code: string } | null;
  readonly cancel: { readonly by: string } | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** A connection that is kept alive would look like a leak. */
const CLOSE = { connection: 'close' };
const ANSWER_MS = 6_000;
const SUBMIT_DEADLINE_MS = 60_000;

export class ChaosJob {
  readonly plan: JobPlan;
  readonly viewers: ChaosViewer[] = [];
  id = '';
  submittedAt = 0;
  acceptedAt = 0;
  isDeleted = false;
  verdict: Verdict | undefined;
  /** Whether the API says that it knows no such job. */
  isUnknown = false;
  /** What Redis held of it when time was up. */
  autopsy = '';
  #isCalm = false;
  readonly #world: World;
  readonly #dice: Dice;

  constructor(plan: JobPlan, world: World, dice: Dice) {
    this.plan = plan;
    this.#world = world;
    this.#dice = dice;
  }

  /** Submits until it is accepted, always under the same key; false when nobody took it in time. */
  async submit(key: string): Promise<boolean> {
    const { model, input, options } = this.plan;
    const submission = { model, input, options, idempotencyKey: key };
    this.submittedAt = Date.now();
    const giveUpAt = this.submittedAt + SUBMIT_DEADLINE_MS;
    while (Date.now() < giveUpAt) {
      const accepted = await this.#send(submission).catch(() => undefined);
      if (accepted !== undefined) {
        this.id = accepted.job;
        this.acceptedAt = Date.now();
        this.#beginWatching(accepted);
        return true;
      }
      await delay(200);
    }
    return false;
  }

  /** Until when somebody held it: now, while somebody does; undefined when nobody ever did. */
  get heldUntil(): number | undefined {
    const holders = this.viewers.filter(({ plan }) => plan.hold);
    if (holders.length === 0) return undefined;
    return Math.max(...holders.map(({ leftAt }) => leftAt ?? Infinity));
  }

  /** Whether a viewer has seen its end. */
  get isSeenToEnd(): boolean {
    return this.viewers.some(({ watcher }) => watcher.isOver || watcher.isGone);
  }

  /** Whether nothing more is to be waited for. */
  get isDecided(): boolean {
    return this.isUnknown || this.verdict !== undefined;
  }

  /** Viewers stop dropping and dawdling. */
  calm(): void {
    this.#isCalm = true;
  }

  /** What the API said may be lost since, with Redis. */
  askAnew(): void {
    this.verdict = undefined;
    this.isUnknown = false;
  }

  /** Asks the API how it ended, if it has. */
  async ask(): Promise<void> {
    const { url } = this.#dice.pick(this.#world.list('api'));
    const response = await fetch(`${url}/v1/jobs/${this.id}`, {
      headers: CLOSE,
      signal: AbortSignal.timeout(ANSWER_MS),
    }).catch(() => undefined);
    if (response === undefined) return;
    const body = (await response.json().catch(() => undefined)) as Verdict | undefined;
    this.isUnknown = response.status === 404 || response.status === 410;
    if (response.ok && body !== undefined && ENDED.has(body.status)) this.verdict = body;
  }

  watch(plan: ViewerPlan, submitted?: Accepted['open']): ChaosViewer {
    const { cluster } = this.#world;
    const options = {
      ...{ job: this.id, transport: plan.transport, hold: plan.hold },
      foldOf: sampleFold(this.plan.model),
      // A backlog is folded only where the model allows it, and `pace` does not.
      mayBeFolded: plan.habit === 'slow' && this.plan.model !== 'pace',
      // Read at each connect: gateways come and go.
      get gateways() {
        return cluster.gatewayUrls;
      },
      ...(submitted === undefined ? {} : { submitted }),
    };
    const viewer: ChaosViewer = { plan, watcher: new Watcher(options, this.#dice.int(0, 1)) };
    this.viewers.push(viewer);
    return viewer;
  }

  #send(submission: Submission): Promise<Accepted> {
    const gateway = this.#dice.pick(this.#world.cluster.gatewayUrls);
    switch (this.plan.way) {
      case 'ws':
        return submitOverWs(gateway, submission, ANSWER_MS);
      case 'stream':
        return submitOverStream(gateway, submission, ANSWER_MS);
      case 'rest':
        return submitOverRest(this.#dice.pick(this.#world.list('api')).url, submission);
    }
  }

  #beginWatching({ open }: Accepted): void {
    const [first, ...others] = this.plan.viewers;
    const later = open === undefined ? this.plan.viewers : others;
    if (open !== undefined && first !== undefined) this.#live(this.watch(first, open));
    for (const plan of later) {
      setTimeout(() => {
        this.#live(this.watch(plan));
      }, plan.joinAfterMs);
    }
    const { deleteAfterMs } = this.plan;
    if (deleteAfterMs !== undefined) setTimeout(() => void this.#delete(), deleteAfterMs);
  }

  /** Makes a viewer do what its habit is, until it has seen the end. */
  #live(viewer: ChaosViewer): void {
    const { watcher, plan } = viewer;
    if (plan.habit === 'stays') return;
    if (plan.habit === 'leaves') {
      setTimeout(() => {
        viewer.leftAt = Date.now();
        watcher.stop();
      }, plan.everyMs);
      return;
    }
    let isPaused = false;
    const timer = setInterval(() => {
      if (watcher.isOver || watcher.isGone || this.#isCalm) {
        clearInterval(timer);
        watcher.pause(false);
      } else if (plan.habit === 'drops') watcher.drop();
      else watcher.pause((isPaused = !isPaused));
    }, plan.everyMs);
    timer.unref();
  }

  async #delete(): Promise<void> {
    this.isDeleted = true;
    const { url } = this.#dice.pick(this.#world.list('api'));
    await call(`${url}/v1/jobs/${this.id}`, { method: 'DELETE', headers: CLOSE }).catch(
      () => undefined,
    );
  }
}

async function submitOverRest(api: string, submission: Submission): Promise<Accepted> {
  const { idempotencyKey, ...body } = submission;
  const response = await fetch(`${api}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey, ...CLOSE },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const { id } = (await response.json()) as { id?: string };
  if (response.status !== 202 || id === undefined) throw new Error(`answered ${response.status}`);
  return { job: id };
}
