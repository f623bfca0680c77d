/**
 * One attempt of one job, from the claim to the end.
 *
 *   running ──outcome──► ended
 *      │ stop order, timeout, hand-back, revoked
 *      ▼
 *   stopping ──outcome──► ended: cancelled | given back | nothing
 *
 * - J1 Exactly one terminal event is written per job, and only by the attempt that the log has claimed;
 *   a revoked attempt writes nothing and does not touch the queue.
 * - J2 `cancelled` is written when nothing of the job runs any more.
 * - J3 What the run has become does not undo an order to stop that was known before its end.
 * - J4 The terminal event is stored before the queue hears of the end; a worker that dies between leaves a
 *   job that the next one finds closed.
 */
import type { StopOrder } from '@stepcast/hub';
import type { CancelOrigin, LogLevel } from '@stepcast/protocol';
import type { Logger } from '@stepcast/platform';
import type { HostOutcome, HostRun, RunListener } from './host/host-run.js';
import type { RunCommand } from './host/host-protocol.js';
import type { JobWriter } from './job-writer.js';
import { MAX_STATE_LENGTH, type ClaimedJob, type Revocation } from './log-session.js';
import type { StoreClock } from './store-clock.js';

/** What a run needs of a model host. */
export interface RunHost {
  readonly id: string;
  readonly models: Readonly<Record<string, { readonly device: string }>>;
  whenReady(command: Pick<RunCommand, 'job' | 'model'>): Promise<boolean>;
  hasRoom(command: Pick<RunCommand, 'job' | 'model'>): boolean;
  run(command: Omit<RunCommand, 'kind'>, listener: RunListener): HostRun;
}

/** How an attempt ended, once everything that it wrote is stored. */
export type Ending =
  | { readonly kind: 'completed'; readonly runMs: number }
  | { readonly kind: 'cancelled'; readonly by: CancelOrigin; readonly stoppedAfterMs: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** Failed, but the queue will run it again. */
  | { readonly kind: 'retry'; readonly code: string; readonly message: string }
  | { readonly kind: 'handed back' }
  /** Another attempt owns the job, or the log is closed: not ours any more. */
  | { readonly kind: 'revoked' };

export interface JobRunParts {
  readonly workerId: string;
  readonly host: RunHost;
  readonly claim: ClaimedJob;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly hasAttemptsLeft: boolean;
}

/** How often a silent job asks whether it must stop. */
const CHECK_INTERVAL_MS = 1_000;

/** Failures that a second run would only repeat. */
const FINAL_CODES: ReadonlySet<string> = new Set(['invalid_input', 'model_unavailable']);

type Failure = Extract<HostOutcome, { kind: 'failed' | 'crashed' }>;

export class JobRun {
  readonly #parts: JobRunParts;
  #writer: JobWriter | undefined;
  #hostRun: HostRun | undefined;
  #stop: StopOrder | undefined;
  #oversize: Failure | undefined;
  #isRevoked = false;
  #isHandedBack = false;
  #events = 0;
  #endWait: (isReady: false) => void = () => undefined;
  readonly #interrupted = new Promise<false>((resolve) => {
    this.#endWait = resolve;
  });

  constructor(parts: JobRunParts) {
    this.#parts = parts;
  }

  /** Runs to the end. The writer reports to the `on…` methods of this object. */
  async run(writer: JobWriter): Promise<Ending> {
    this.#writer = writer;
    const { host, clock } = this.#parts;
    const timers = this.#startTimers();
    try {
      // Ready already, unless the process died since it was chosen. Whoever has said stop by now comes first.
      const isReady = await this.#whenReady(host);
      const startedAt = clock.now();
      const outcome = isReady ? await this.#runOnHost(host, writer) : ABORTED;
      return await this.#settle(outcome, clock.now() - startedAt);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Something about the job may have changed: asks the log at once. */
  nudge(): void {
    this.#writer?.check();
  }

  /** The worker is shutting down: another shall run the job. */
  handBack(): void {
    this.#isHandedBack = true;
    this.#interrupt();
  }

  /** Gives up what is not stored, so that the worker can end. */
  abandon(): void {
    this.#writer?.abandon();
  }

  onStop(order: StopOrder): void {
    this.#stop ??= order;
    this.#interrupt();
  }

  /** Its events fold to more than can be kept; it stops, and fails. */
  onOversize(): void {
    this.#oversize ??= OVERSIZE;
    this.#interrupt();
  }

  onRevoked(reason: Revocation): void {
    this.#isRevoked = true;
    this.#parts.logger.warn({ reason }, 'the job is not ours any more');
    this.#interrupt();
  }

  onAcked(count: number): void {
    this.#hostRun?.ack(count);
  }

  #interrupt(): void {
    this.#hostRun?.stop();
    this.#endWait(false);
  }

  async #runOnHost(host: RunHost, writer: JobWriter): Promise<HostOutcome> {
    const { workerId } = this.#parts;
    const { record, attempt, input, resume } = this.#parts.claim;
    const device = host.models[record.model]?.device ?? 'none';
    const started = { worker: workerId, device, host: `${workerId}/${host.id}` };
    writer.push({ type: 'started', data: JSON.stringify(started) });
    const command = { job: record.id, attempt, model: record.model, input, saved: resume?.data };
    this.#hostRun = host.run(command, {
      onEvent: ({ type, data, progress }) => {
        this.#events += 1;
        writer.push({ type, data }, { progress, isFromHost: true });
      },
      onLog: (level, message) => {
        writer.push(logEvent(level, message), { isFromHost: true });
      },
      onCheckpoint: (data) => {
        writer.checkpoint(data);
      },
    });
    return this.#hostRun.outcome;
  }

  /** False if the run must not begin. Several may hear of one place: who finds it taken waits again. */
  async #whenReady(host: RunHost): Promise<boolean> {
    const { id: job, model } = this.#parts.claim.record;
    let isReady: boolean;
    do {
      isReady = await Promise.race([this.#interrupted, host.whenReady({ job, model })]);
    } while (isReady && !host.hasRoom({ job, model }));
    return isReady;
  }

  #startTimers(): NodeJS.Timeout[] {
    const { claim, clock } = this.#parts;
    const { timeoutMs } = claim.record.options;
    const check = setInterval(() => this.#writer?.check(CHECK_INTERVAL_MS / 2), CHECK_INTERVAL_MS);
    const timeout = setTimeout(() => {
      const reason = `The attempt took longer than timeoutMs (${timeoutMs} ms).`;
      this.onStop({ by: 'timeout', reason, at: clock.now() });
    }, timeoutMs);
    return [check, timeout];
  }

  async #settle(outcome: HostOutcome, runMs: number): Promise<Ending> {
    if (this.#isRevoked) return { kind: 'revoked' };
    if (this.#stop !== undefined) return this.#cancelled(this.#stop);
    if (this.#oversize !== undefined) return this.#failed(this.#oversize);
    switch (outcome.kind) {
      case 'done':
        return this.#completed(outcome.output, runMs);
      case 'failed':
      case 'crashed':
        // A host may also die because the whole group of the worker was told to end.
        if (outcome.kind === 'crashed' && this.#isHandedBack) return this.#handedBack();
        return this.#failed(outcome);
      case 'aborted':
        return this.#handedBack();
    }
  }

  async #completed(output: string, runMs: number): Promise<Ending> {
    const { record, at } = this.#parts.claim;
    const metrics = { queuedMs: Math.max(0, at - record.createdAt), runMs, events: this.#events };
    const data = `{"output":${output},"metrics":${JSON.stringify(metrics)}}`;
    return this.#end('completed', data, { kind: 'completed', runMs });
  }

  async #cancelled({ by, reason, at }: StopOrder): Promise<Ending> {
    const stoppedAfterMs = Math.max(0, this.#parts.clock.now() - at);
    const data = JSON.stringify({ by, reason, stoppedAfterMs });
    return this.#end('cancelled', data, { kind: 'cancelled', by, stoppedAfterMs });
  }

  async #failed(failure: Failure): Promise<Ending> {
    const { claim, hasAttemptsLeft, logger } = this.#parts;
    const { code, message } = describe(failure);
    logger.warn({ code, err: failure.kind === 'failed' ? failure.stack : undefined }, message);
    if (!hasAttemptsLeft || FINAL_CODES.has(code)) {
      return this.#end('failed', JSON.stringify({ code, message }), {
        kind: 'failed',
        code,
        message,
      });
    }
    const line = `Attempt ${claim.attempt} failed and will be repeated: ${code}: ${message}`;
    this.#writer?.push(logEvent('error', line));
    return this.#leave({ kind: 'retry', code, message });
  }

  async #handedBack(): Promise<Ending> {
    return this.#leave({ kind: 'handed back' });
  }

  async #end(type: string, data: string, ending: Ending): Promise<Ending> {
    this.#writer?.push({ type, data });
    return (await this.#writer?.flush()) === true ? ending : { kind: 'revoked' };
  }

  /** Everything stored, and no order to stop came with the answer: the job may run again. */
  async #leave(ending: Ending): Promise<Ending> {
    const isStored = await this.#writer?.flush();
    // Everything may be stored and the last checkpoint be refused.
    if (isStored !== true || this.#isRevoked) return { kind: 'revoked' };
    return this.#stop === undefined ? ending : this.#cancelled(this.#stop);
  }
}

const OVERSIZE: Failure = {
  kind: 'failed',
  code: 'invalid_event',
  message:
    `The events of the job fold to more than ${MAX_STATE_LENGTH / 1_048_576} MiB; ` +
    "let types that need not be kept whole fold by 'latest', or emit addresses of large data instead of the data.",
};

const ABORTED: HostOutcome = { kind: 'aborted', killed: false };

function describe(failure: Failure): { code: string; message: string } {
  if (failure.kind === 'failed') return failure;
  return {
    code: 'host_crashed',
    message: `The process that ran the model died: it ${failure.reason}.`,
  };
}

function logEvent(level: LogLevel, message: string): { type: string; data: string } {
  return { type: 'log', data: JSON.stringify({ level, message }) };
}
