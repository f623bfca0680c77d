import type { ErrorCode, LogLevel } from '@stepcast/protocol';
import type { BatchesMessage, EventMessage, HostMessage, ReadyMessage } from './host-protocol.js';

/** What a host says of one run. */
export type RunMessage = Exclude<HostMessage, ReadyMessage | BatchesMessage>;

/** How a run ended. Whatever it is: nothing of it runs any more. */
export type HostOutcome =
  | { readonly kind: 'done'; readonly output: string }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly stack?: string | undefined;
    }
  /** Stopped as it was told to; `killed` if the process had to die for it. */
  | { readonly kind: 'aborted'; readonly killed: boolean }
  /** The process died by itself. */
  | { readonly kind: 'crashed'; readonly reason: string };

/** Receives what a run emits, in order. */
export interface RunListener {
  onEvent(event: Pick<EventMessage, 'type' | 'data' | 'progress'>): void;
  onLog(level: LogLevel, message: string): void;
  /** Covers everything received so far. */
  onCheckpoint(data: string): void;
}

/** What whoever started a run holds of it. */
export interface HostRun {
  /** Resolves once; never rejects. */
  readonly outcome: Promise<HostOutcome>;
  /** So many more messages are stored: the model may go on. */
  ack(count: number): void;
  /** Tells the model to stop; it is killed when it does not. Idempotent. */
  stop(): void;
}

/** The host's own view of the run that it is busy with. */
export class ActiveRun {
  readonly job: string;
  readonly listener: RunListener;
  readonly outcome: Promise<HostOutcome>;
  #settle: (outcome: HostOutcome) => void = () => undefined;
  #lastEventAt: number;
  #longestStepMs = 0;
  #deadline: NodeJS.Timeout | undefined;
  #isOverdue = false;

  constructor(job: string, listener: RunListener, now: number) {
    this.job = job;
    this.listener = listener;
    this.#lastEventAt = now;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The longest time between two events so far: one step of the model, at least. */
  get longestStepMs(): number {
    return this.#longestStepMs;
  }

  /**
   * Passes on what the host says of the run. Gives its outcome when it was that.
   * @param now `performance.now()`
   */
  receive(message: RunMessage, now: number): HostOutcome | undefined {
    switch (message.kind) {
      case 'event':
        this.#longestStepMs = Math.max(this.#longestStepMs, now - this.#lastEventAt);
        this.#lastEventAt = now;
        this.listener.onEvent(message);
        return undefined;
      case 'log':
        this.listener.onLog(message.level, message.message);
        return undefined;
      case 'checkpoint':
        this.listener.onCheckpoint(message.data);
        return undefined;
      case 'aborted':
        return { kind: 'aborted', killed: false };
      case 'done':
      case 'failed':
        return message;
    }
  }

  /** Whether it was told to stop. */
  get isStopping(): boolean {
    return this.#deadline !== undefined;
  }

  /** Whether the time that it was given to stop is over. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** It is to stop in so long a time, or be overdue. */
  stopWithin(ms: number, onOverdue: () => void): void {
    this.#deadline = setTimeout(() => {
      this.#isOverdue = true;
      onOverdue();
    }, ms);
  }

  settle(outcome: HostOutcome): void {
    clearTimeout(this.#deadline);
    this.#settle(outcome);
  }
}
