import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { parseRequestOptions } from '@stepcast/jobs';
import { DEFAULT_GRACE_MS, encodePosition, jobLinks, type From } from '@stepcast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY_CORE, type GatewayCore } from '../gateway-core.js';
import { encodeVector, vectorEncoder } from './stream-encoders.js';
import {
  StreamOpener,
  hasAll,
  isChunked,
  startPosition,
  type StreamExchange,
} from './stream-opener.js';
import { parseEventsRequest, parseMultiEventsRequest, streamKind } from './stream-request.js';
import type { StreamResponse } from './stream-response.js';

type QueryParameters = Record<string, string | string[] | undefined>;

/** Streams over HTTP, as SSE or NDJSON (docs/protocol.md §4). */
@Controller('v1')
export class StreamsController {
  readonly #opener: StreamOpener;

  constructor(@Inject(GATEWAY_CORE) private readonly core: GatewayCore) {
    this.#opener = new StreamOpener(core);
  }

  /** Submits a job and streams it in the same response. */
  @Post('models/:model/stream')
  async submitAndStream(
    @Param('model') model: string,
    @Body() input: unknown,
    @Query() query: QueryParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const exchange = { request, reply, kind: streamKind(request.headers) };
    this.#opener.assertStreamable(exchange);
    const key = request.headers['idempotency-key'];
    const { record } = await this.core.jobs.submit({
      model,
      input: input ?? {},
      options: parseRequestOptions(query, request.headers),
      onDisconnect: { policy: 'cancel', graceMs: DEFAULT_GRACE_MS },
      ...(typeof key === 'string' ? { idempotencyKey: key } : {}),
    });
    const { id: job, epoch } = record;
    const headers = { 'stepcast-job': job, location: jobLinks(job).self };
    const response = this.#opener.open(exchange, encodePosition({ epoch, seq: 0 }), headers);
    await this.#streamOne(response, { job, from: 'start', hold: true });
  }

  /** Streams a job from a position on. */
  @Get('jobs/:id/events')
  async stream(
    @Param('id') job: string,
    @Query() query: QueryParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { from, hold } = parseEventsRequest(query, request.headers);
    const exchange = { request, reply, kind: streamKind(request.headers) };
    const [head] = (await this.#opener.heads(exchange, [job])) ?? [];
    if (head === undefined) return;
    if (hasAll(from, head)) {
      // The standard's way to make an EventSource stop.
      await reply.code(204).send();
      return;
    }
    const response = this.#opener.open(exchange, encodePosition(startPosition(from, head)));
    await this.#streamOne(response, { job, from, hold });
  }

  /** Streams several jobs; ends when all of them have ended. */
  @Get('events')
  async streamMany(
    @Query() query: QueryParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { from, hold } = parseMultiEventsRequest(query, request.headers);
    const exchange: StreamExchange = { request, reply, kind: 'sse' };
    const heads = await this.#opener.heads(exchange, [...from.keys()]);
    if (heads === undefined) return;
    const jobs = heads.map((head) => {
      const start = from.get(head.job) ?? 'start';
      const position = startPosition(start, head);
      return { job: head.job, start, position, isDone: hasAll(start, head) };
    });
    if (jobs.every(({ isDone }) => isDone)) {
      await reply.code(204).send();
      return;
    }
    const positions = new Map(jobs.map(({ job, position }) => [job, encodePosition(position)]));
    const response = this.#opener.open(exchange, encodeVector(positions));
    let open = jobs.length;
    const onEnd = (): void => {
      if (--open === 0) response.end();
    };
    for (const { job, start } of jobs) {
      const transport = response.transport(vectorEncoder(positions, job, isChunked(exchange)));
      await this.#opener.watch(response, { job, from: start, hold, transport, onEnd });
    }
  }

  #streamOne(
    response: StreamResponse,
    options: { job: string; from: From; hold: boolean },
  ): Promise<void> {
    const onEnd = (): void => {
      response.end();
    };
    return this.#opener.watch(response, { ...options, onEnd });
  }
}
