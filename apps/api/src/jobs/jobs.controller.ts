import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { JobService } from '@stepcast/jobs';
import { ModelRegistry } from '@stepcast/models';
import { cancelRequestSchema, jobsQuerySchema, logQuerySchema } from './jobs.requests.js';
import { parseFrom, parseInput, type Job } from '@stepcast/protocol';
import type { FastifyReply } from 'fastify';
import { parseIdempotencyKey } from './idempotency-key.js';
import { JobLogService } from './job-log.service.js';
import type { LogView } from './log-view.js';
import { parseSubmission } from './submission.js';

/** Jobs (docs/protocol.md §3). */
@Controller('v1/jobs')
export class JobsController {
  constructor(
    @Inject(JobService) private readonly jobs: JobService,
    @Inject(JobLogService) private readonly logs: JobLogService,
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
  ) {}

  @Post()
  @HttpCode(202)
  async submit(
    @Body() body: unknown,
    @Headers() headers: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Job> {
    const { record } = await this.jobs.submit({
      ...parseSubmission(this.registry, body ?? {}),
      onDisconnect: { policy: 'continue', graceMs: 0 },
      idempotencyKey: parseIdempotencyKey(headers),
    });
    const job = await this.jobs.view(record);
    void reply.header('location', job.links.self);
    return job;
  }

  @Get()
  async list(@Query() query: unknown): Promise<{ jobs: Job[]; nextCursor: string | null }> {
    const { cursor, model, status, limit } = parseInput(jobsQuerySchema, query);
    return this.jobs.list({
      limit,
      ...(model === undefined ? {} : { model }),
      ...(status === undefined ? {} : { status }),
      ...(cursor === undefined ? {} : { cursor }),
    });
  }

  @Get(':id')
  get(@Param('id') id: string): Promise<Job> {
    return this.jobs.get(id);
  }

  @Delete(':id')
  @HttpCode(202)
  async cancel(
    @Param('id') id: string,
    @Query() query: unknown,
    @Body() body: unknown,
  ): Promise<Job> {
    const { reason } = parseInput(cancelRequestSchema, { ...Object(query), ...Object(body) });
    return this.jobs.view(await this.jobs.cancel(id, 'client', reason));
  }

  @Get(':id/log')
  read(@Param('id') id: string, @Query() query: unknown): Promise<LogView> {
    const { from, limit } = parseInput(logQuerySchema, query);
    return this.logs.read(id, parseFrom(from), limit);
  }
}
