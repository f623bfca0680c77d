import type {
  AppendResult,
  Attempt,
  Batch,
  CheckResult,
  Checkpoint,
  CheckpointResult,
  Claim,
  ClaimOptions,
  JobLogReader,
  JobLogWriter,
  JobRecord,
  LogEntry,
  NewEvent,
  Restore,
  StopOrder,
} from '@stepcast/hub';
import { isTerminalType, jobOptionsSchema } from '@stepcast/protocol';

export type ClaimedJob = Extract<Claim, { kind: 'claimed' }>;

/** A claim as the log gives it: one `queued` event is there. */
export function createClaim(record: Partial<JobRecord> = {}, input = '{}'): ClaimedJob {
  const attempt = record.attempt ?? 1;
  return {
    kind: 'claimed',
    attempt,
    token: 'claim',
    at: 10_500,
    input,
    record: {
      id: 'job',
      model: 'count',
      status: 'running',
      attempt,
      epoch: 'e1',
      top: 1,
      createdAt: 10_000,
      options: {
        ...jobOptionsSchema.parse({}),
        onDisconnect: { policy: 'continue', graceMs: 0 },
      },
      ...record,
    },
  };
}

/** One job's log in memory, with faults to order. Answers as the port says. */
export class FakeLog implements JobLogWriter, JobLogReader {
  events: NewEvent[] = [];
  batches: Batch[] = [];
  restores: Restore[] = [];
  snapshots: { readonly seq: number; readonly state: string }[] = [];
  checkpoints: Checkpoint[] = [];
  claims: ClaimOptions[] = [];
  requeued: number[] = [];
  checks = 0;
  epoch = 'e1';
  top = 1;
  producerSeq = 0;
  isClosed = false;
  stop: StopOrder | undefined;
  fence: 'fenced' | 'closed' | undefined;
  claimResult: Claim = createClaim();
  /** Called before each claim is answered; throws in its stead. */
  onClaim: () => void = () => undefined;
  /** Called before each append; throws or answers in its stead. */
  onAppend: (batch: Batch) => AppendResult | undefined | Promise<AppendResult | undefined> = () =>
    undefined;
  onCheck: () => CheckResult | undefined = () => undefined;

  async claim(_job: string, _worker: string, options: ClaimOptions = {}): Promise<Claim> {
    this.claims.push(options);
    await Promise.resolve();
    this.onClaim();
    return this.claimResult;
  }

  async append(batch: Batch): Promise<AppendResult> {
    const ordered = await this.onAppend(batch);
    if (ordered !== undefined) return ordered;
    this.batches.push(batch);
    if (this.fence !== undefined) return { kind: this.fence };
    if (batch.epoch !== this.epoch || batch.expectedTop > this.top) return { kind: 'lost' };
    if (batch.firstProducerSeq > this.producerSeq + 1) {
      return { kind: 'gap', expectedProducerSeq: this.producerSeq + 1 };
    }
    const fresh = batch.events.slice(this.producerSeq + 1 - batch.firstProducerSeq);
    if (this.isClosed && fresh.length > 0) return { kind: 'closed' };
    this.events.push(...fresh);
    this.top += fresh.length;
    this.producerSeq += fresh.length;
    this.isClosed = this.events.some(({ type }) => isTerminalType(type));
    return this.#stored();
  }

  check(): Promise<CheckResult> {
    this.checks += 1;
    const ordered = this.onCheck();
    if (ordered !== undefined) return Promise.resolve(ordered);
    if (this.fence !== undefined) return Promise.resolve({ kind: this.fence });
    return Promise.resolve({ kind: 'running', ...(this.stop ? { stop: this.stop } : {}) });
  }

  requeue({ attempt }: Attempt): Promise<void> {
    this.requeued.push(attempt);
    return Promise.resolve();
  }

  restore(restore: Restore): Promise<'restored' | 'fenced' | 'closed'> {
    this.restores.push(restore);
    if (this.fence !== undefined) return Promise.resolve(this.fence);
    this.epoch = restore.epoch;
    this.top = restore.seq;
    this.producerSeq = restore.producerSeq;
    this.events.push({ type: 'snapshot', data: restore.state });
    return Promise.resolve('restored');
  }

  saveSnapshot(snapshot: { readonly seq: number; readonly state: string }): Promise<boolean> {
    this.snapshots.push(snapshot);
    return Promise.resolve(true);
  }

  saveCheckpoint(checkpoint: Checkpoint): Promise<CheckpointResult> {
    if (this.fence !== undefined) return Promise.resolve(this.fence);
    if (checkpoint.epoch !== this.epoch || checkpoint.seq > this.top)
      return Promise.resolve('lost');
    this.checkpoints.push(checkpoint);
    return Promise.resolve('saved');
  }

  /** What a reader finds: the events that earlier attempts left. */
  past: LogEntry[] = [];

  read(_job: string, after: number) {
    const entries = this.past.filter(({ seq }) => seq > after);
    return Promise.resolve({ record: { ...createClaim().record, top: this.top }, entries });
  }

  heads() {
    return Promise.resolve([]);
  }

  /** Forgets everything, as a store that was restarted empty. */
  lose(): void {
    this.epoch = 'none';
    this.top = 0;
    this.producerSeq = 0;
  }

  typesAndData(): string[] {
    return this.events.map(({ type, data }) => `${type} ${data}`);
  }

  #stored(): AppendResult {
    return { kind: 'stored', top: this.top, ...(this.stop ? { stop: this.stop } : {}) };
  }
}
