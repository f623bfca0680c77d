import type { JobOptions } from '@stepcast/protocol';
import type {
  AppendResult,
  Attempt,
  Batch,
  Claim,
  ClaimOptions,
  JobRecord,
  LogEntry,
  NewEvent,
  NewJob,
  Restore,
} from '../src/index.js';
import type { StoreUnderTest } from './store-under-test.js';

type ClaimedJob = Extract<Claim, { kind: 'claimed' }>;

let made = 0;

/** Ids in ascending order, shaped as UUIDv7. */
export function newJobId(): string {
  made += 1;
  return `01930000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`;
}

const HOUR_MS = 3_600_000;

export function newJob(options: Partial<JobOptions> = {}, rest: Partial<NewJob> = {}): NewJob {
  return {
    id: newJobId(),
    epoch: 'e1',
    model: 'sketch',
    input: '{"prompt":"a \\"house\\"\\n"}',
    options: {
      onDisconnect: { policy: 'continue', graceMs: 0 },
      firstAttachMs: 30_000,
      priority: 0,
      attempts: 1,
      startTimeoutMs: HOUR_MS,
      timeoutMs: HOUR_MS,
      retainMs: 60_000,
      ...options,
    },
    ...rest,
  };
}

export const cancelPolicy = (graceMs: number): Partial<JobOptions> => ({
  onDisconnect: { policy: 'cancel', graceMs },
});

export function step(n: number): NewEvent {
  return { type: 'step', data: `{"step":${n}}` };
}

export const COMPLETED: NewEvent = { type: 'completed', data: '{"output":null}' };

/** Appends as a worker does: knows its producer sequence and the top that it was told. */
export class JobDriver {
  readonly job: string;
  readonly store: StoreUnderTest;
  attempt = 0;
  token = '';
  claimedAt = 0;
  epoch: string;
  top = 0;
  producerSeq = 0;
  record: JobRecord;

  constructor(store: StoreUnderTest, record: JobRecord) {
    this.store = store;
    this.job = record.id;
    this.record = record;
    this.epoch = record.epoch;
  }

  /** Makes a job without claiming it. */
  static async create(store: StoreUnderTest, options?: Partial<JobOptions>): Promise<JobDriver> {
    const { record } = await store.records.create(newJob(options));
    return new JobDriver(store, record);
  }

  /** Makes a job and claims its first attempt. */
  static async start(store: StoreUnderTest, options?: Partial<JobOptions>): Promise<JobDriver> {
    const driver = await JobDriver.create(store, options);
    await driver.claim();
    return driver;
  }

  async claim(worker = 'w1', options?: ClaimOptions): Promise<ClaimedJob> {
    const claim = await this.store.writer.claim(this.job, worker, options);
    if (claim.kind !== 'claimed') throw new Error(`claim answered ${claim.kind}`);
    this.attempt = claim.attempt;
    this.token = claim.token;
    this.claimedAt = claim.at;
    this.record = claim.record;
    this.epoch = claim.record.epoch;
    this.top = claim.record.top;
    this.producerSeq = 0;
    return claim;
  }

  /** Who writes. */
  get owner(): Attempt {
    const { job, attempt, token } = this;
    return { job, attempt, token };
  }

  /** The next batch, not yet sent. */
  batch(...events: NewEvent[]): Batch {
    return {
      ...this.owner,
      epoch: this.epoch,
      firstProducerSeq: this.producerSeq + 1,
      expectedTop: this.top,
      events,
    };
  }

  async append(...events: NewEvent[]): Promise<AppendResult> {
    const result = await this.store.writer.append(this.batch(...events));
    if (result.kind === 'stored') {
      this.producerSeq += events.length;
      this.top = result.top;
    }
    return result;
  }

  /** A restore from the worker's own memory, not yet sent. */
  restoration(epoch = 'e2'): Restore {
    const { job, attempt, token, claimedAt, producerSeq, record, top } = this;
    const owner = { attempt, token, claimedAt };
    const state = `{"of":"${job}"}`;
    return { record, input: '{}', ...owner, epoch, seq: top + 1, state, producerSeq };
  }

  async entries(after = 0): Promise<readonly LogEntry[]> {
    return (await this.store.reader.read(this.job, after, 10_000))?.entries ?? [];
  }

  async types(): Promise<string[]> {
    return (await this.entries()).map((entry) => entry.type);
  }
}

/** `data` of an event. */
export function dataOf(entry: LogEntry | undefined): unknown {
  return entry && (JSON.parse(entry.json) as { data: unknown }).data;
}
