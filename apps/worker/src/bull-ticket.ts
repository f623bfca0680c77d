import { setTimeout as delay } from 'node:timers/promises';
import { UnrecoverableError, type Job } from 'bullmq';
import { FaultSpell } from '@stepcast/jobs';
import type { Logger } from '@stepcast/platform';
import type { QueueTicket } from './queue-ticket.js';

export interface BullTicketOptions {
  readonly token: string;
  readonly model: string;
  readonly lockMs: number;
  readonly renewMs: number;
  /** Takes the lock again if it has run out and nobody has noticed; false if the job is another's, or gone. */
  readonly retake: () => Promise<boolean>;
  readonly logger: Logger;
}

/** Pauses between tries to end the job in its queue. If all fail, its lock ends and it is found stalled. */
const ENDING_PAUSES_MS = [100, 500, 2_000];

/**
 * A job of BullMQ that this worker has locked. The lock is renewed until an ending, or until BullMQ says
 * that it is another's; a Redis that does not answer is no reason to give up the job, nor is a lock that
 * ran out meanwhile and that nobody else has taken.
 */
export class BullTicket implements QueueTicket {
  readonly job: string;
  readonly model: string;
  readonly #job: Job;
  readonly #options: BullTicketOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #spell: FaultSpell;
  #onLost: () => void = () => undefined;
  #isLost = false;
  #isEnding = false;
  #isRenewing = false;

  constructor(job: Job, options: BullTicketOptions) {
    if (job.id === undefined) throw new TypeError('a job of a queue has an id');
    this.job = job.id;
    this.model = options.model;
    this.#job = job;
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), options.renewMs);
    const { logger } = options;
    this.#spell = new FaultSpell({
      began: (err) => {
        logger.warn({ err, job: this.job }, 'the lock of the job cannot be renewed');
      },
      ended: (spell) => {
        logger.info(
          { ...spell, job: this.job },
          'the queue answers again about the lock of the job',
        );
      },
    });
  }

  get hasAttemptsLeft(): boolean {
    return this.#job.attemptsMade + 1 < (this.#job.opts.attempts ?? 1);
  }

  get deferredFailure(): string | undefined {
    // An empty text means the same as none.
    return this.#job.deferredFailure || undefined;
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
    if (this.#isLost) listener();
  }

  async complete(): Promise<void> {
    await this.#end('complete', (token) => this.#job.moveToCompleted('ended', token, false));
  }

  async retry(reason: string): Promise<void> {
    await this.#end('retry', (token) => this.#job.moveToFailed(new Error(reason), token, false));
  }

  async fail(reason: string): Promise<void> {
    const error = new UnrecoverableError(reason);
    await this.#end('fail', (token) => this.#job.moveToFailed(error, token, false));
  }

  async giveBack(): Promise<void> {
    await this.#end('give back', (token) => this.#job.moveToWait(token));
  }

  drop(): void {
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    // While Redis is away a renewal waits for it; more of them would only repeat it.
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const { lockMs, token } = this.#options;
    try {
      const isExtended = await this.#job.extendLock(token, lockMs);
      this.#spell.worked();
      // A renewal on its way while the job ends finds no lock, and rightly so.
      if (isExtended > 0 || this.#isLost || this.#isEnding) return;
      if (!(await this.#options.retake())) this.#lose();
    } catch (err) {
      this.#spell.failed(err);
    } finally {
      this.#isRenewing = false;
    }
  }

  /** Whether an ending may be tried again; a queue that cannot say so is asked by the ending itself. */
  async #isOurs(): Promise<boolean> {
    try {
      return await this.#options.retake();
    } catch {
      return true;
    }
  }

  #lose(): void {
    if (this.#isLost || this.#isEnding) return;
    this.#isLost = true;
    this.drop();
    this.#onLost();
  }

  /**
   * The record has the truth already; an ending that fails only costs the queue a second look. One that
   * waited for Redis for longer than a lock lives needs the lock again.
   */
  async #end(what: string, call: (token: string) => Promise<unknown>): Promise<void> {
    const { logger, token } = this.#options;
    this.#isEnding = true;
    try {
      for (const pauseMs of [0, ...ENDING_PAUSES_MS]) {
        if (pauseMs > 0) await delay(pauseMs);
        // The queue gives the job to another, or has forgotten it, or the reply was lost: nothing to end.
        if (this.#isLost || (pauseMs > 0 && !(await this.#isOurs()))) return;
        try {
          await call(token);
          return;
        } catch (err) {
          logger.warn({ err, job: this.job, what }, 'the queue did not take the end of the job');
        }
      }
    } finally {
      this.drop();
    }
  }
}
