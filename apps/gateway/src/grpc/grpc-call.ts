/**
 * One call: a job that is submitted and watched until the call ends, whichever of the two is first.
 *
 *   open ──output or last event──► ended OK
 *    ├────failed, cancelled, error──► ended with a status
 *    ├────server drains──► ended with UNAVAILABLE and the position
 *    └────cancelled by the client, deadline, connection lost──► left: nobody reads a status
 *
 * - C1 However it ends, the watch is left exactly once; the job of a call that was left is cancelled as the
 *   options say (docs/protocol.md §12). Also a status that cannot be sent ends it.
 * - C2 A deadline leaves at once: grpc-js itself tells of it only when the client has taken what was sent.
 * - C3 `cancelled` of grpc-js also comes after a normal end, and means nothing then.
 */
import { Metadata, status as Status, type ServerUnaryCall } from '@grpc/grpc-js';
import type { Encoder, Transport, Watch } from '@stepcast/hub';
import type { Submission } from '@stepcast/jobs';
import { StepcastError, type ErrorCode, type JobEvent } from '@stepcast/protocol';
import type { GatewayCore } from '../gateway-core.js';
import type { OpenConnection } from '../open-connections.js';
import { statusOfEnd, statusOfError, type CallStatus } from './call-status.js';
import { decodeFrames } from './frames.js';

/** What all calls of grpc-js have. */
export type ServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  'getDeadline' | 'sendMetadata' | 'on'
>;

/** What differs between a call that streams and one that does not. */
export interface CallSink {
  /** Bytes that the client has not taken, and those of them that flow control holds. */
  readonly unsentBytes: number;
  readonly refusedBytes: number;
  message(message: Uint8Array): void;
  /** Ends the call behind the messages; undefined = OK. */
  end(status: CallStatus | undefined, trailers: Metadata): void;
  stalledMs(now: number): number;
  /** The call is over, with or without {@link end}. */
  detach(): void;
}

export interface GrpcCallOptions {
  readonly call: ServerCall;
  readonly sink: CallSink;
  readonly core: GatewayCore;
  readonly encoder: Encoder;
  /** The status of the call, once. */
  readonly onEnd: (code: Status) => void;
}

/** The longest time that a timer knows. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class GrpcCall implements OpenConnection {
  readonly #options: GrpcCallOptions;
  #isOpen = true;
  #watch: Watch | undefined;
  #job: string | undefined;
  #position: string | undefined;
  #end: CallStatus | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: GrpcCallOptions) {
    this.#options = options;
  }

  /** Submits and watches. `prepare` reads the request; what it throws becomes the status. */
  async run(prepare: () => Submission): Promise<void> {
    const { call, core } = this.#options;
    call.on('cancelled', () => {
      this.#left(isOver(call) ? Status.DEADLINE_EXCEEDED : Status.CANCELLED);
    });
    try {
      core.connections.assertRoom();
      core.connections.add(this);
      this.#bindDeadline();
      const { record } = await core.jobs.submit(prepare());
      await this.#begin(record.id);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends what the client lacks; to be called when the call has drained. */
  readonly pump = (): void => {
    this.#watch?.pump();
  };

  get unsentBytes(): number {
    return this.#options.sink.unsentBytes;
  }

  stalledMs(now: number): number {
    return this.#options.sink.stalledMs(now);
  }

  beat(): void {
    // HTTP/2 pings the connection for all of its calls.
  }

  goAway(): void {
    this.close('draining');
  }

  close(code: ErrorCode): void {
    this.#fail(new StepcastError(code));
  }

  /** Also a call that has been cancelled meanwhile watches for a moment: its leave cancels the job. */
  async #begin(job: string): Promise<void> {
    this.#job = job;
    if (this.#isOpen) this.#options.call.sendMetadata(jobMetadata(job));
    const watch = await this.#options.core.hub.watch({
      ...{ job, from: 'start', hold: true, transport: this.#transport() },
      onEnd: () => {
        this.#finish(this.#end);
      },
      onFail: (error) => {
        this.#fail(error);
      },
    });
    if (this.#isOpen) {
      this.#watch = watch;
      watch.pump();
    } else {
      watch.leave();
    }
  }

  #transport(): Transport {
    const { sink, encoder } = this.#options;
    return {
      encoder,
      get unsentBytes() {
        return sink.unsentBytes;
      },
      get refusedBytes() {
        return sink.refusedBytes;
      },
      write: (chunk) => {
        for (const { kind, payload } of decodeFrames(chunk)) {
          if (kind === 'message') sink.message(payload);
          else if (kind === 'position') this.#position = Buffer.from(payload).toString();
          else this.#end = statusOfEnd(JSON.parse(Buffer.from(payload).toString()) as JobEvent);
        }
      },
    };
  }

  #bindDeadline(): void {
    const at = Number(this.#options.call.getDeadline());
    if (!Number.isFinite(at)) return;
    const ms = Math.min(Math.max(0, at - Date.now()), MAX_TIMER_MS);
    this.#deadline = setTimeout(() => {
      // The status is sent by grpc-js.
      this.#left(Status.DEADLINE_EXCEEDED);
    }, ms).unref();
  }

  #fail(error: unknown): void {
    const known = StepcastError.from(error);
    if (known.code === 'internal' && this.#isOpen) this.#options.core.onError(error);
    this.#finish(statusOfError(known));
  }

  #finish(status: CallStatus | undefined): void {
    if (!this.#isOpen) return;
    const trailers = status?.metadata ?? new Metadata();
    if (this.#job !== undefined) trailers.set('stepcast-job', this.#job);
    if (this.#position !== undefined) trailers.set('stepcast-position', this.#position);
    try {
      this.#options.sink.end(status, trailers);
    } catch (error) {
      this.#options.core.onError(error);
    } finally {
      this.#left(status?.code ?? Status.OK);
    }
  }

  #left(code: Status): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#deadline);
    this.#options.sink.detach();
    this.#options.core.connections.remove(this);
    this.#watch?.leave();
    this.#options.onEnd(code);
  }
}

function jobMetadata(job: string): Metadata {
  const metadata = new Metadata();
  metadata.set('stepcast-job', job);
  return metadata;
}

const isOver = (call: ServerCall): boolean => Number(call.getDeadline()) <= Date.now();
