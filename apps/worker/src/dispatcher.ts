/**
 * Gives free slots the next jobs.
 *
 *   slot free, wake, poll ──► round: ask each queue in turn that a slot has room for ──► run ──► slot free
 *
 * - D1 A job is taken from its queue only when a slot is free for it, or batches jobs of its model: nothing
 *   waits in a busy worker but the next batch.
 * - D2 One round at a time; what happens during a round causes another one.
 * - D3 Queues are asked in rotation, so that a full one does not starve the others.
 *   A slot that batches takes further jobs of its model for a turn; then others that wait come first.
 * - D4 Nothing is taken once draining has begun; what a queue hands out then goes back at once. For a
 *   queue that does not answer nobody waits longer than `refuseMs`: what it may have handed out is found
 *   by its lock.
 */
import type { Logger } from '@stepcast/platform';
import pTimeout from 'p-timeout';
import type { RunHost } from './job-run.js';
import type { JobSource, QueueTicket } from './queue-ticket.js';

/** What the dispatcher needs of the pool of hosts. */
export interface Slots<Host extends RunHost> {
  roomFor(model: string): Host | undefined;
  take(host: Host, model: string): void;
  release(host: Host): void;
  /** Whether it has batched jobs of one model for so long that others may want it. */
  isTurnOver(host: Host): boolean;
  renewTurn(host: Host): void;
}

export interface DispatcherOptions<Host extends RunHost> {
  /** The queues as they are now. */
  readonly sources: () => readonly JobSource[];
  readonly slots: Slots<Host>;
  readonly run: (ticket: QueueTicket, host: Host) => Promise<void>;
  /** Whether a host may take jobs of a model that it could not load, only to fail them. */
  readonly failsUnserved: (model: string) => boolean;
  /** Finds delayed retries, and jobs whose wake was lost. */
  readonly pollMs: number;
  /** How long the end waits for a queue that is being asked (D4); more than a round trip takes. */
  readonly refuseMs: number;
  readonly logger: Logger;
}

export class Dispatcher<Host extends RunHost> {
  readonly #options: DispatcherOptions<Host>;
  readonly #active = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #isDraining = false;
  #refused: Promise<void> | undefined;
  #next = 0;

  constructor(options: DispatcherOptions<Host>) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.poke();
    }, this.#options.pollMs);
    this.poke();
  }

  /** A slot is free, or a queue has a job: looks for work. */
  poke(): void {
    if (this.#isDraining) return;
    this.#again = true;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
  }

  /** Takes no more jobs. Resolves when none is being taken, or the queues do not answer (D4). */
  refuse(): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#timer);
    this.#refused ??= this.#endOfRound();
    return this.#refused;
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    while (this.#active.size > 0) await Promise.all(this.#active);
  }

  async #endOfRound(): Promise<void> {
    const { logger, refuseMs } = this.#options;
    await pTimeout(Promise.resolve(this.#round), {
      milliseconds: refuseMs,
      fallback: () => {
        logger.warn('the queue does not answer: not waited for');
      },
    });
  }

  async #rounds(): Promise<void> {
    while (this.#again && !this.#isDraining) {
      this.#again = false;
      await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    const { slots, logger } = this.#options;
    const sources = this.#options.sources();
    let misses = 0;
    while (misses < sources.length && !this.#isDraining) {
      const source = sources[this.#next % sources.length];
      if (source === undefined) return;
      this.#next += 1;
      const host = slots.roomFor(source.model);
      const ticket = await this.#ask(source, host).catch((err: unknown) => {
        logger.warn({ err, model: source.model }, 'the queue could not be asked');
        return undefined;
      });
      if (ticket === undefined || host === undefined) {
        misses += 1;
      } else {
        misses = 0;
        this.#launch(ticket, host);
      }
    }
  }

  async #ask(source: JobSource, host: Host | undefined): Promise<QueueTicket | undefined> {
    if (host === undefined) return undefined;
    const isOthersTurn = await this.#isOthersTurn(source, host);
    return isOthersTurn ? undefined : this.#take(source, host);
  }

  /** D3: the slot is emptied, and the next round begins behind the queue that had it. */
  async #isOthersTurn(source: JobSource, host: Host): Promise<boolean> {
    const { slots } = this.#options;
    if (!slots.isTurnOver(host)) return false;
    for (const other of this.#options.sources()) {
      if (other === source || !Object.hasOwn(host.models, other.model)) continue;
      if (await other.hasWaiting()) return true;
    }
    slots.renewTurn(host);
    return false;
  }

  async #take(source: JobSource, host: Host): Promise<QueueTicket | undefined> {
    const isServed = Object.hasOwn(host.models, source.model);
    if (!isServed && !this.#options.failsUnserved(source.model)) return undefined;
    const ticket = await source.next();
    if (!this.#isDraining) return ticket;
    await ticket?.giveBack();
    return undefined;
  }

  #launch(ticket: QueueTicket, host: Host): void {
    const { run, slots } = this.#options;
    slots.take(host, ticket.model);
    const active = run(ticket, host).finally(() => {
      this.#active.delete(active);
      slots.release(host);
    });
    this.#active.add(active);
  }
}
