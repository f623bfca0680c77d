/**
 * Writes the events of one attempt, grouped.
 *
 *   push ────────► queue ──(group)──► session.store, one at a time ──► acknowledged
 *   checkpoint ──► pending ──(all before it stored)──► session.saveCheckpoint ──► acknowledged
 *
 * - W1 One call to the log at a time.
 * - W2 The first event, terminal events and events after a pause are sent at once; under load, what
 *   arrives within GROUP_MS goes together.
 * - W3 An event is acknowledged only when it is stored. Whoever emits waits for acknowledgements, so
 *   the queue is bounded by the window of the host.
 * - W4 Once the session is revoked nothing is written, and every flush answers false.
 * - W5 A checkpoint is saved when exactly the events before it are stored: a batch never goes beyond the
 *   pending one. A newer one takes its place until then, so at most one waits. Each is saved in the turn
 *   that stores its last event, so a model that saves all the time cannot put off the saving for ever.
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

interface PendingCheckpoint {
  /** The last event that it covers, as the attempt counts. */
  readonly upTo: number;
  readonly data: string;
  /** Messages of the host that it stands for: itself and those whose place it took. */
  readonly messages: number;
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
  #checkpoint: PendingCheckpoint | undefined;
  #isSaving = false;
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
    // Nothing goes on behind the end.
    if (isTerminalType(event.type)) this.#checkpoint = undefined;
    this.#schedule();
  }

  /** Saves what a later attempt needs to go on behind everything pushed so far. */
  checkpoint(data: string): void {
    if (this.#session.isRevoked) return;
    const messages = (this.#checkpoint?.messages ?? 0) + 1;
    this.#checkpoint = { upTo: this.#pushed, data, messages };
    this.#schedule();
  }

  /** Resolves when everything pushed and saved so far is stored; false if it never will be. */
  flush(): Promise<boolean> {
    if (this.#isFlushed(this.#pushed)) return Promise.resolve(true);
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
        else if (this.#queue.length > 0 || this.#checkpoint !== undefined) this.#schedule();
      });
  }

  async #work(): Promise<void> {
    if (this.#wantsCheck) {
      this.#wantsCheck = false;
      await this.#session.check();
    }
    if (this.#queue.length === 0 && this.#checkpoint === undefined) return;
    this.#sentAt = performance.now();
    const batch = this.#nextBatch();
    const checkpoint = this.#takeCheckpoint(batch.at(-1)?.producerSeq ?? this.#session.stored);
    this.#isSaving = checkpoint !== undefined;
    await this.#session.store(batch);
    this.#acknowledge(batch.filter(({ isFromHost }) => isFromHost).length);
    if (checkpoint !== undefined) {
      await this.#session.saveCheckpoint(checkpoint.data);
      this.#isSaving = false;
      this.#acknowledge(checkpoint.messages);
    }
    this.#settleFlushes();
  }

  #acknowledge(count: number): void {
    if (count > 0 && !this.#session.isRevoked) this.#options.onAcked(count);
  }

  /** The pending checkpoint, if the batch that ends here is all that it waits for. */
  #takeCheckpoint(end: number): PendingCheckpoint | undefined {
    const checkpoint = this.#checkpoint;
    if (checkpoint?.upTo !== end) return undefined;
    this.#checkpoint = undefined;
    return checkpoint;
  }

  #nextBatch(): Queued[] {
    const upTo = this.#checkpoint?.upTo ?? Infinity;
    let bytes = 0;
    const end = this.#queue.findIndex(({ event, producerSeq }, index) => {
      bytes += event.data.length;
      if (producerSeq > upTo) return true;
      return index >= MAX_BATCH_EVENTS || (index > 0 && bytes > MAX_BATCH_BYTES);
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  #onRevoked(reason: Revocation): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#checkpoint = undefined;
    this.#settleFlushes();
    this.#options.onRevoked(reason);
  }

  #settleFlushes(): void {
    const { isRevoked, stored } = this.#session;
    const waiting = this.#flushes;
    this.#flushes = waiting.filter(({ upTo }) => !isRevoked && !this.#isFlushed(upTo));
    for (const { upTo, resolve } of waiting) {
      if (isRevoked || this.#isFlushed(upTo)) resolve(stored >= upTo);
    }
  }

  #isFlushed(upTo: number): boolean {
    if (this.#session.stored < upTo || this.#isSaving) return false;
    return this.#checkpoint === undefined || this.#checkpoint.upTo > upTo;
  }
}
