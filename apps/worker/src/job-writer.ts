/**
 * Writes the events of one attempt, grouped.
 *
 *   push ──► queue ──(group)──► session.store, one at a time ──► acknowledged
 *
 * - W1 One call to the log at a time.
 * - W2 The first event, terminal events and events after a pause are sent at once; under load, what
 *   arrives within GROUP_MS goes together.
 * - W3 An event is acknowledged only when it is stored. Whoever emits waits for acknowledgements, so
 *   the queue is bounded by the window of the host.
 * - W4 Once the session is revoked nothing is written, and every flush answers false.
 */
import type { NewEvent, Progress } from '@stepcast/hub';
import { isTerminalType } from '@stepcast/protocol';
import {
  LogSession,
  type LogSessionOptions,
  type Revocation,
  type SequencedEvent,
} from './log-session.js';

export interface JobWriterOptions extends LogSessionOptions {
  /** So many messages of the host are stored. */
  readonly onAcked: (count: number) => void;
}

export interface PushOptions {
  readonly progress?: Progress | undefined;
  /** Whether the host waits for an acknowledgement. */
  readonly isFromHost?: boolean;
}

interface Queued extends SequencedEvent {
  readonly isFromHost: boolean;
}

interface Flush {
  readonly upTo: number;
  readonly resolve: (isStored: boolean) => void;
}

const GROUP_MS = 4;
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_BYTES = 1_048_576;

export class JobWriter {
  readonly #options: JobWriterOptions;
  readonly #session: LogSession;
  #queue: Queued[] = [];
  #pushed = 0;
  #flushes: Flush[] = [];
  #isPumping = false;
  #wantsCheck = false;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = -Infinity;

  constructor(options: JobWriterOptions) {
    this.#options = options;
    this.#session = new LogSession({
      ...options,
      onRevoked: (reason) => {
        this.#onRevoked(reason);
      },
    });
  }

  push(event: NewEvent, { progress, isFromHost = false }: PushOptions = {}): void {
    if (this.#session.isRevoked) return;
    this.#pushed += 1;
    this.#queue.push({ event, producerSeq: this.#pushed, progress, isFromHost });
    this.#schedule();
  }

  /** Resolves when everything pushed so far is stored; false if it never will be. */
  flush(): Promise<boolean> {
    if (this.#session.stored >= this.#pushed) return Promise.resolve(true);
    if (this.#session.isRevoked) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#flushes.push({ upTo: this.#pushed, resolve });
      this.#schedule();
    });
  }

  /**
   * Asks the log whether the job must stop.
   * @param silentMs skips it if the log has answered that more recently
   */
  check(silentMs = 0): void {
    if (this.#session.isRevoked) return;
    if (performance.now() - this.#session.heardAt < silentMs) return;
    this.#wantsCheck = true;
    this.#pump();
  }

  /** Gives up what is not stored. */
  abandon(): void {
    this.#session.revoke('abandoned');
  }

  #schedule(): void {
    const isUrgent = this.#isUrgent();
    if (this.#isPumping || (this.#timer !== undefined && !isUrgent)) return;
    const waitMs = isUrgent ? 0 : this.#sentAt + GROUP_MS - performance.now();
    if (waitMs <= 0) {
      this.#pump();
    } else {
      this.#timer = setTimeout(() => {
        this.#pump();
      }, waitMs);
    }
  }

  #isUrgent(): boolean {
    const last = this.#queue.at(-1);
    return this.#flushes.length > 0 || (last !== undefined && isTerminalType(last.event.type));
  }

  #pump(): void {
    if (this.#isPumping) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isPumping = true;
    this.#work()
      .catch((err: unknown) => {
        this.#options.logger.error({ err }, 'the log of the job cannot be written');
        this.#session.revoke('broken');
      })
      .finally(() => {
        this.#isPumping = false;
        if (this.#wantsCheck) this.#pump();
        else if (this.#queue.length > 0) this.#schedule();
      });
  }

  async #work(): Promise<void> {
    if (this.#wantsCheck) {
      this.#wantsCheck = false;
      await this.#session.check();
    }
    if (this.#queue.length === 0) return;
    this.#sentAt = performance.now();
    const batch = this.#nextBatch();
    await this.#session.store(batch);
    if (this.#session.isRevoked) return;
    const acked = batch.filter(({ isFromHost }) => isFromHost).length;
    if (acked > 0) this.#options.onAcked(acked);
    this.#settleFlushes();
  }

  #nextBatch(): Queued[] {
    let bytes = 0;
    const end = this.#queue.findIndex(({ event }, index) => {
      bytes += event.data.length;
      return index >= MAX_BATCH_EVENTS || (index > 0 && bytes > MAX_BATCH_BYTES);
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  #onRevoked(reason: Revocation): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#settleFlushes();
    this.#options.onRevoked(reason);
  }

  #settleFlushes(): void {
    const { isRevoked, stored } = this.#session;
    const waiting = this.#flushes;
    this.#flushes = waiting.filter(({ upTo }) => !isRevoked && stored < upTo);
    for (const { upTo, resolve } of waiting) {
      if (isRevoked || stored >= upTo) resolve(stored >= upTo);
    }
  }
}
