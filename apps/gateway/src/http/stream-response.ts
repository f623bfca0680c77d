import type { ServerResponse } from 'node:http';
import type { Transport, Watch } from '@stepcast/hub';
import { ERROR_CODES, type ErrorCode } from '@stepcast/protocol';
import type { OpenConnection, OpenConnections } from '../open-connections.js';
import { SocketOutlet } from '../socket-outlet.js';
import type { Turn } from '../turn.js';
import type { StreamFormat } from './stream-encoders.js';

/** How long a reader waits before it comes back after a drop. */
export const STREAM_RETRY_MS = 1_000;

export interface StreamResponseOptions {
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  readonly format: StreamFormat;
  readonly turn: Turn;
  readonly connections: OpenConnections;
}

/**
 * A response that streams: SSE or NDJSON on the raw socket.
 *
 * - I1 The head is written by Node; everything behind it goes to the socket as whole, pre-encoded
 *   chunks; `end()` of the response writes the closing chunk.
 * - I2 However the connection ends, every watch leaves exactly once.
 */
export class StreamResponse implements OpenConnection {
  readonly #options: StreamResponseOptions;
  readonly #outlet: SocketOutlet;
  readonly #watches: Watch[] = [];
  #isOpen = true;

  constructor(options: StreamResponseOptions) {
    this.#options = options;
    const { response, headers, format, connections } = options;
    const { socket } = response;
    if (socket === null) throw new TypeError('the response has no socket');
    this.#outlet = new SocketOutlet(socket, options.turn, () => {
      for (const watch of this.#watches) watch.pump();
    });
    socket.setNoDelay(true);
    response.on('close', () => {
      this.#left();
    });
    response.writeHead(200, {
      ...headers,
      'content-type': format.contentType,
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    connections.add(this);
    // The reader may have gone while the stream was prepared: its 'close' is over.
    if (response.destroyed || socket.destroyed) this.#left();
  }

  /** Writes one chunk of the stream's own format. */
  write(chunk: Uint8Array): void {
    if (this.#isOpen && chunk.byteLength > 0) this.#outlet.write(chunk);
  }

  /** A transport of this response with the encoder of its format, or another. */
  transport(encoder = this.#options.format.encoder): Transport {
    const outlet = this.#outlet;
    return {
      encoder,
      get unsentBytes() {
        return outlet.unsentBytes;
      },
      get refusedBytes() {
        return outlet.refusedBytes;
      },
      write: (chunk) => {
        this.write(chunk);
      },
    };
  }

  /** Follows a watch: pumps it on drain, leaves it when the connection ends. */
  follow(watch: Watch): void {
    if (!this.#isOpen) {
      watch.leave();
      return;
    }
    this.#watches.push(watch);
    watch.pump();
  }

  /** Ends the stream behind everything written. */
  end(): void {
    if (!this.#isOpen) return;
    this.#outlet.flush();
    this.#left();
    this.#endOrCut();
  }

  get unsentBytes(): number {
    return this.#outlet.unsentBytes;
  }

  stalledMs(now: number): number {
    return this.#outlet.stalledMs(now);
  }

  beat(now: number): void {
    // Only when silent: a comment between events would be traffic for nothing.
    if (now - this.#outlet.sentAt > 1_000 && this.#outlet.unsentBytes === 0) {
      this.write(this.#options.format.heartbeat);
    }
  }

  goAway(retryMs: number): void {
    this.write(this.#options.format.farewell(retryMs));
    this.end();
  }

  /** Ends the stream early. A reader that takes nothing is cut; the others may come back. */
  close(code: ErrorCode): void {
    if (code === 'slow_viewer') {
      this.#left();
      this.#options.response.destroy();
    } else {
      this.goAway(ERROR_CODES[code].retry === 'later' ? 5 * STREAM_RETRY_MS : STREAM_RETRY_MS);
    }
  }

  /** Ends the response; cuts it when the reader does not take the rest. */
  #endOrCut(): void {
    const { response } = this.#options;
    const { slowViewerMs } = this.#options.connections;
    const cut = setTimeout(() => response.destroy(), slowViewerMs).unref();
    response.once('close', () => {
      clearTimeout(cut);
    });
    response.end();
  }

  #left(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#outlet.detach();
    this.#options.connections.remove(this);
    for (const watch of this.#watches) watch.leave();
  }
}
