import type { WatchOptions } from '@stepcast/hub';
import { StepcastError, type From, type Position } from '@stepcast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayCore } from '../gateway-core.js';
import { streamFormats, type StreamFormat, type StreamKind } from './stream-encoders.js';
import { STREAM_RETRY_MS, StreamResponse } from './stream-response.js';

/** A request that wants a stream, and what is needed to answer it. */
export interface StreamExchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly kind: StreamKind;
}

export type Head = Position & { readonly job: string; readonly isEnded: boolean };

/** How long a reader that cannot be served now should stay away. */
const AWAY_MS = 5_000;

/** What all streams over HTTP have in common before their first event. */
export class StreamOpener {
  readonly #core: GatewayCore;

  constructor(core: GatewayCore) {
    this.#core = core;
  }

  /** @throws {StepcastError} when no stream can be opened for this request, before anything is done */
  assertStreamable({ reply }: StreamExchange): void {
    this.#core.connections.assertRoom();
    if (reply.raw.socket === null) {
      throw new StepcastError(
        'protocol_error',
        'A stream needs its connection for itself: do not pipeline it behind another request.',
      );
    }
  }

  /**
   * Where the jobs stand; undefined when the request has been answered already: `HEAD`, or a reader
   * that cannot be served now.
   */
  async heads(exchange: StreamExchange, jobs: readonly string[]): Promise<Head[] | undefined> {
    const { request, reply, kind } = exchange;
    try {
      this.assertStreamable(exchange);
      const heads = await Promise.all(
        jobs.map(async (job) => ({ job, ...(await this.#core.hub.head(job)) })),
      );
      if (request.method !== 'HEAD') return heads;
      await reply.header('content-type', formatOf(exchange).contentType).send();
    } catch (error) {
      const { info } = StepcastError.from(error);
      // An EventSource gives up for good on any status but 200; NDJSON readers can read a problem.
      const canWait = info.http >= 500 && kind === 'sse' && request.method !== 'HEAD';
      if (!canWait || reply.raw.socket === null) throw error;
      this.#respond(exchange, {}).goAway(AWAY_MS);
    }
    return undefined;
  }

  /** Sends the head of the response and the first bytes. */
  open(exchange: StreamExchange, id: string, headers: Record<string, string> = {}): StreamResponse {
    const response = this.#respond(exchange, headers);
    response.write(formatOf(exchange).prime(STREAM_RETRY_MS, id));
    return response;
  }

  /** Streams one job into a response. */
  async watch(
    response: StreamResponse,
    options: Omit<WatchOptions, 'onFail' | 'transport'> & Partial<Pick<WatchOptions, 'transport'>>,
  ): Promise<void> {
    const fail = (error: StepcastError): void => {
      response.close(error.code);
    };
    try {
      const transport = options.transport ?? response.transport();
      response.follow(await this.#core.hub.watch({ ...options, transport, onFail: fail }));
    } catch (error) {
      // The head is sent, so the reader is told to come back and learns the reason then.
      this.#core.onError(error);
      fail(StepcastError.from(error));
    }
  }

  #respond(exchange: StreamExchange, headers: Record<string, string>): StreamResponse {
    const { reply } = exchange;
    reply.hijack();
    const inherited = Object.entries(reply.getHeaders()).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    return new StreamResponse({
      response: reply.raw,
      headers: { ...Object.fromEntries(inherited), ...headers },
      format: formatOf(exchange),
      turn: this.#core.turn,
      connections: this.#core.connections,
    });
  }
}

/** Whether the response is cut into chunks: HTTP/1.0 readers know none. */
export function isChunked({ request }: StreamExchange): boolean {
  return request.raw.httpVersion !== '1.0';
}

function formatOf(exchange: StreamExchange): StreamFormat {
  return streamFormats[exchange.kind][isChunked(exchange) ? 'chunked' : 'plain'];
}

/** The position that a beginning stands for. */
export function startPosition(from: From, head: Position): Position {
  if (from === 'start') return { epoch: head.epoch, seq: 0 };
  return from === 'now' ? { epoch: head.epoch, seq: head.seq } : from;
}

/** Whether a reader at this beginning has the terminal event already. */
export function hasAll(from: From, head: Head): boolean {
  return (
    head.isEnded && typeof from === 'object' && from.epoch === head.epoch && from.seq === head.seq
  );
}
