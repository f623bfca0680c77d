import { Inject, Injectable } from '@nestjs/common';
import { JOB_LOG, type JobLogReader, type LogPage } from '@stepcast/hub';
import { JobService } from '@stepcast/jobs';
import { StepcastError, type From } from '@stepcast/protocol';
import { cursorOf, toLogView, type LogView } from './log-view.js';

/** Logs for readers that poll. */
@Injectable()
export class JobLogService {
  constructor(
    @Inject(JOB_LOG) private readonly reader: JobLogReader,
    @Inject(JobService) private readonly jobs: JobService,
  ) {}

  /** @throws {StepcastError} `job_not_found`, `job_gone` */
  async read(id: string, from: From, limit: number): Promise<LogView> {
    const { epoch, top } = await this.jobs.record(id);
    const cursor = cursorOf(from, { epoch, seq: top });
    const page = await this.#page(id, cursor.after, limit);
    if (page.record.epoch === epoch) return toLogView(page, cursor);
    // The log began a new life between the two reads.
    return toLogView(await this.#page(id, 0, limit), { after: 0, isVoid: true });
  }

  async #page(id: string, after: number, limit: number): Promise<LogPage> {
    const page = await this.reader.read(id, after, limit);
    if (page === undefined) throw new StepcastError('job_gone');
    return page;
  }
}
