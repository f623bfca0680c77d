import { randomUUID } from 'node:crypto';
import type { Claim, JobLogReader, JobLogWriter, JobRecords, WorkerDirectory } from '@stepcast/hub';
import type { ModelRegistry } from '@stepcast/models';
import { background, type Logger } from '@stepcast/platform';
import { JobRun, type Ending, type RunHost } from './job-run.js';
import { JobWriter } from './job-writer.js';
import type { ClaimedJob } from './log-session.js';
import { readPast, type Past } from './past.js';
import type { QueueTicket } from './queue-ticket.js';
import { whileUnavailable } from './retry.js';
import { StoreClock } from './store-clock.js';
import type { WorkerMetrics } from './worker-metrics.js';

export interface JobRunnerOptions {
  readonly workerId: string;
  readonly log: JobLogWriter & JobLogReader;
  readonly records: JobRecords;
  readonly registry: ModelRegistry;
  readonly directory: WorkerDirectory;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  readonly snapshotEvents: number;
}

const SNAPSHOT_BYTES = 16 * 1_048_576;

const WORKER_LOST = 'Every worker that took the job died.';

/** Runs the jobs that the dispatcher takes: claim, run, tell the queue. Knows which are running. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #runs = new Map<string, JobRun>();
  readonly #gaveUp = new AbortController();

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Never rejects: what goes wrong here is logged, and the queue offers the job again. */
  async run(ticket: QueueTicket, host: RunHost): Promise<void> {
    const logger = this.#options.logger.child({ job: ticket.job, model: ticket.model });
    try {
      await this.#run(ticket, host, logger);
    } catch (err) {
      logger.error({ err }, 'the job could not be run');
    } finally {
      ticket.drop();
    }
  }

  /** Looks at a running job now rather than within a second. */
  nudge(job: string): void {
    this.#runs.get(job)?.nudge();
  }

  /** Stops every job and gives it back to its queue. */
  handBackAll(): void {
    for (const run of this.#runs.values()) run.handBack();
  }

  /** Gives up what is not stored; nothing waits for the store any more. */
  abandonAll(): void {
    this.#gaveUp.abort();
    for (const run of this.#runs.values()) run.abandon();
  }

  async #run(ticket: QueueTicket, host: RunHost, logger: Logger): Promise<void> {
    const { log, records, workerId } = this.#options;
    const { job } = ticket;
    if (ticket.deferredFailure !== undefined) {
      logger.warn({ reason: ticket.deferredFailure }, 'the job is given up');
      await this.#call(logger, 'fail', () => records.fail(job, 'worker_lost', WORKER_LOST));
      await ticket.fail(WORKER_LOST);
      return;
    }
    const version = this.#resumableVersion(ticket.model);
    // Made once: sent again, because its answer was lost, it is the same claim.
    const options = { token: randomUUID(), ...(version !== undefined && { version }) };
    // What the queue has given to another must not be claimed from under its feet.
    const lost = new AbortController();
    ticket.onLost(() => {
      lost.abort();
    });
    const claim = await this.#call<Claim>(
      logger,
      'claim',
      () => log.claim(job, workerId, options),
      lost.signal,
    );
    if (claim === undefined) return;
    if (claim.kind !== 'claimed') {
      logger.info({ claim: claim.kind }, 'nothing to run');
      await ticket.complete();
      return;
    }
    const ending = await this.#runClaimed({ ticket, host, claim, logger });
    this.#observe(ticket.model, ending);
    logger.info({ attempt: claim.attempt, ending }, 'attempt ended');
    await this.#tellQueue(ticket, claim, ending);
  }

  async #runClaimed(parts: {
    readonly ticket: QueueTicket;
    readonly host: RunHost;
    readonly claim: ClaimedJob;
    readonly logger: Logger;
  }): Promise<Ending> {
    const { ticket, host, claim, logger } = parts;
    const { workerId, metrics, log, snapshotEvents } = this.#options;
    const clock = new StoreClock(claim.at);
    const { hasAttemptsLeft } = ticket;
    const run = new JobRun({ workerId, host, claim, clock, logger, hasAttemptsLeft });
    // From here on the run can be told to stop, also while its journal is being read.
    this.#runs.set(ticket.job, run);
    try {
      const past = await this.#readPast(claim, logger);
      if (past === undefined) return { kind: 'revoked' };
      const { backlog: inherited, journal, voided } = past;
      const writer = new JobWriter({
        ...{ log, claim, journal, inherited, clock, logger, snapshotEvents },
        version: this.#resumableVersion(ticket.model) ?? '',
        snapshotBytes: SNAPSHOT_BYTES,
        onStop: run.onStop.bind(run),
        onOversize: run.onOversize.bind(run),
        onRevoked: (reason) => {
          metrics.revoked(reason);
          run.onRevoked(reason);
        },
        onAcked: run.onAcked.bind(run),
        onAppended: metrics.appended.bind(metrics),
        onRestored: metrics.logRestored.bind(metrics),
        waits: metrics,
      });
      ticket.onLost(() => {
        // The log decides whose the job is: a Redis that lost its memory has forgotten the lock, too.
        logger.warn('the lock of the job is lost');
        writer.check();
      });
      // Before anything else, whatever comes of the attempt: viewers drop what is void by it.
      if (voided > 0) writer.push({ type: 'snapshot', data: journal.encodeState() });
      return await run.run(writer);
    } finally {
      // A newer attempt of the same job may have come to another slot of this worker meanwhile.
      if (this.#runs.get(ticket.job) === run) this.#runs.delete(ticket.job);
    }
  }

  /** Undefined for a model that saves no checkpoints, or is not known here. */
  #resumableVersion(name: string): string | undefined {
    const { registry } = this.#options;
    const model = registry.has(name) ? registry.get(name) : undefined;
    return model?.checkpoint === undefined ? undefined : model.version;
  }

  #readPast(claim: ClaimedJob, logger: Logger): Promise<Past | undefined> {
    const { log, registry } = this.#options;
    const foldOf = registry.foldOf(claim.record.model);
    return this.#call(logger, 'read', () => readPast(log, claim, foldOf));
  }

  async #tellQueue(ticket: QueueTicket, claim: ClaimedJob, ending: Ending): Promise<void> {
    const { log, logger } = this.#options;
    const { attempt, token } = claim;
    const requeue = () =>
      this.#call(logger, 'requeue', () => log.requeue({ job: ticket.job, attempt, token }));
    switch (ending.kind) {
      case 'completed':
      case 'cancelled':
        await ticket.complete();
        return;
      case 'failed':
        await ticket.fail(ending.message);
        return;
      case 'retry':
        await requeue();
        await ticket.retry(ending.message);
        return;
      case 'handed back':
        await requeue();
        await ticket.giveBack();
        return;
      case 'revoked':
        return;
    }
  }

  #observe(model: string, ending: Ending): void {
    const { directory, logger, metrics } = this.#options;
    switch (ending.kind) {
      case 'completed':
        metrics.ran(model, ending.runMs);
        metrics.ended(model, 'completed');
        background(directory.recordDuration(model, ending.runMs), logger, 'record the duration');
        return;
      case 'cancelled':
        metrics.stopped(ending.by, ending.stoppedAfterMs);
        metrics.ended(model, 'cancelled');
        return;
      case 'failed':
        metrics.ended(model, 'failed');
        metrics.attemptFailed(model, ending.code);
        return;
      case 'retry':
        metrics.attemptFailed(model, ending.code);
        return;
      case 'handed back':
      case 'revoked':
        return;
    }
  }

  #call<Result>(
    logger: Logger,
    what: string,
    call: () => Promise<Result>,
    lost?: AbortSignal,
  ): Promise<Result | undefined> {
    const waits = this.#options.metrics;
    const gaveUp = this.#gaveUp.signal;
    const signal = lost === undefined ? gaveUp : AbortSignal.any([gaveUp, lost]);
    return whileUnavailable(call, { what, logger, signal, waits });
  }
}
