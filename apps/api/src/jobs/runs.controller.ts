import { Body, Controller, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { parseRequestOptions } from '@stepcast/jobs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseIdempotencyKey } from './idempotency-key.js';
import { parseWaitSeconds } from './prefer.js';
import { RunService } from './run-service.js';

/** Submit and wait (docs/protocol.md §3). */
@Controller('v1/models/:model/run')
export class RunsController {
  constructor(@Inject(RunService) private readonly runs: RunService) {}

  @Post()
  async run(
    @Param('model') model: string,
    @Body() input: unknown,
    @Query() query: Record<string, string | string[] | undefined>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const options = parseRequestOptions(query, request.headers);
    const idempotencyKey = parseIdempotencyKey(request.headers);
    const seconds = parseWaitSeconds(request.headers['prefer']);
    const result = await this.runs.run(
      { model, input: input ?? {}, options, idempotencyKey },
      { waitMs: seconds * 1_000, gone: goneSignal(reply) },
    );
    if (result === undefined) {
      reply.hijack();
      return;
    }
    await reply
      .code(result.hasEnded ? 200 : 202)
      .header('location', result.job.links.self)
      .header('stepcast-job', result.job.id)
      .header('preference-applied', `wait=${seconds}`)
      .send(result.job);
  }
}

/** Aborted when the connection closes before the answer is written. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
