import { isTerminalType } from '@stepcast/protocol';
import type {
  AppendResult,
  Attempt,
  Batch,
  CheckResult,
  Checkpoint,
  CheckpointResult,
  Claim,
  ClaimOptions,
  JobLogWriter,
  LogEntry,
  Restore,
  Snapshot,
} from '../ports/job-log.port.js';
import { MemoryJob } from './memory-job.js';
import type { MemoryState } from './memory-state.js';

/** The writer of {@link MemoryState}: the checks of libs/redis/lua/append-5.lua, in the same order. */
export class MemoryJobLog implements JobLogWriter {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  claim(name: string, worker: string, options: ClaimOptions = {}): Promise<Claim> {
    return this.#state.step(() => {
      const job = this.#state.job(name);
      if (!job) return { kind: 'missing' };
      if (job.isEnded) return { kind: 'closed' };
      const at = this.#state.now();
      const { version, token = this.#state.makeToken() } = options;
      if (job.token === token) return claimed(job, at);
      // A claim comes from the queue: whoever held the attempt before does not count any more.
      job.worker = undefined;
      const order = job.decideStop(at);
      if (order) {
        this.#state.publish(job, job.closeCancelled(order, at));
        return { kind: 'closed' };
      }
      job.attempt += 1;
      job.token = token;
      job.claimedAt = at;
      job.producerSeq = 0;
      job.status = 'running';
      job.worker = worker;
      job.startedAt ??= at;
      job.extendLife(at);
      const resume = job.resumePoint(version);
      if (!resume) job.checkpoint = undefined;
      job.resumeSeq = resume?.seq;
      return claimed(job, at);
    });
  }

  append(batch: Batch): Promise<AppendResult> {
    return this.#state.step(() => {
      const job = this.#state.job(batch.job);
      if (!job) return { kind: 'lost' };
      return refusal(job, batch) ?? this.#store(job, batch);
    });
  }

  check(attempt: Attempt): Promise<CheckResult> {
    return this.#state.step(() => {
      const job = this.#state.job(attempt.job);
      if (!job) return { kind: 'lost' };
      if (job.isEnded) return { kind: 'closed' };
      if (isSuperseded(job, attempt)) return { kind: 'fenced' };
      if (attempt.attempt > job.attempt || !job.log) return { kind: 'lost' };
      if (job.worker === undefined) return { kind: 'fenced' };
      const stop = job.decideStop(this.#state.now());
      return { kind: 'running', ...(stop && { stop }) };
    });
  }

  requeue(attempt: Attempt): Promise<void> {
    return this.#state.step(() => {
      const job = this.#state.job(attempt.job);
      if (!job || job.isEnded || !isNewest(job, attempt)) return;
      job.status = 'queued';
      job.worker = undefined;
    });
  }

  restore(restore: Restore): Promise<'restored' | 'fenced' | 'closed'> {
    return this.#state.step(() => {
      const known = this.#state.job(restore.record.id);
      if (known?.isEnded) return 'closed';
      if (known && isFenced(known, restore)) return 'fenced';
      if (known?.epoch === restore.epoch) return 'restored';
      const now = this.#state.now();
      const job = known ?? new MemoryJob({ ...restore.record, input: restore.input }, now);
      const { record } = restore;
      job.epoch = restore.epoch;
      job.attempt = restore.attempt;
      job.token = restore.token;
      job.claimedAt = restore.claimedAt;
      job.markedAttempt = restore.attempt;
      job.producerSeq = restore.producerSeq;
      job.status = 'running';
      job.startedAt = record.startedAt ?? record.createdAt;
      job.worker = record.worker ?? job.worker;
      job.progress = record.progress ?? job.progress;
      job.stop ??= record.stop;
      job.snapshot = { seq: restore.seq, state: restore.state };
      job.checkpoint = undefined;
      job.log = [];
      job.top = restore.seq - 1;
      job.extendLife(now);
      this.#state.add(job);
      this.#state.publish(job, [job.put({ type: 'snapshot', data: restore.state }, now)]);
      return 'restored';
    });
  }

  saveSnapshot(snapshot: Snapshot): Promise<boolean> {
    return this.#state.step(() => {
      const { epoch, seq, state } = snapshot;
      const job = this.#state.job(snapshot.job);
      if (!job || job.isEnded || !isNewest(job, snapshot) || job.epoch !== epoch) return false;
      if (seq > job.top) return false;
      if ((job.snapshot?.seq ?? 0) >= seq) return true;
      job.trim({ seq, state });
      return true;
    });
  }

  saveCheckpoint(checkpoint: Checkpoint): Promise<CheckpointResult> {
    return this.#state.step(() => {
      const job = this.#state.job(checkpoint.job);
      const refused = refusedCheckpoint(job, checkpoint);
      if (!job || refused) return refused ?? 'lost';
      if ((job.checkpoint?.seq ?? 0) <= checkpoint.seq) job.checkpoint = checkpoint;
      return 'saved';
    });
  }

  #store(job: MemoryJob, batch: Batch): AppendResult {
    const now = this.#state.now();
    const expected = job.producerSeq + 1;
    const last = batch.firstProducerSeq + batch.events.length - 1;
    if (last < expected) return stored(job, now);
    if (job.worker === undefined) return { kind: 'fenced' };
    if (batch.firstProducerSeq > expected) return { kind: 'gap', expectedProducerSeq: expected };

    const entries: LogEntry[] = [];
    if (job.markedAttempt < batch.attempt) {
      const data = attemptData(job, batch.attempt);
      entries.push(job.put({ type: 'attempt', data: JSON.stringify(data) }, now));
      job.markedAttempt = batch.attempt;
    }
    for (const event of batch.events.slice(expected - batch.firstProducerSeq)) {
      entries.push(job.put(event, now));
    }
    job.producerSeq = last;
    job.progress = batch.progress ?? job.progress;
    const terminal = entries.at(-1);
    if (terminal && isTerminalType(terminal.type)) job.close(terminal, now);
    this.#state.publish(job, entries);
    return job.isEnded ? { kind: 'stored', top: job.top } : stored(job, now);
  }
}

/** docs/protocol.md §7: which of the model's events are void. */
function attemptData(job: MemoryJob, attempt: number): object {
  return job.resumeSeq === undefined
    ? { attempt, mode: 'restart', fromSeq: job.top + 2 }
    : { attempt, mode: 'resume', fromSeq: job.resumeSeq + 1 };
}

function stored(job: MemoryJob, now: number): AppendResult {
  const stop = job.decideStop(now);
  return { kind: 'stored', top: job.top, ...(stop && { stop }) };
}

/** Why a batch may not be stored whatever it holds (L3, L4, L6). */
function refusal(job: MemoryJob, batch: Batch): AppendResult | undefined {
  const last = batch.firstProducerSeq + batch.events.length - 1;
  if (job.isEnded) {
    const isRepeat = isNewest(job, batch) && batch.epoch === job.epoch && last <= job.producerSeq;
    return isRepeat ? { kind: 'stored', top: job.top } : { kind: 'closed' };
  }
  if (isSuperseded(job, batch)) return { kind: 'fenced' };
  const isLost =
    batch.epoch !== job.epoch || batch.attempt > job.attempt || job.top < batch.expectedTop;
  return isLost || !job.log ? { kind: 'lost' } : undefined;
}

/** Why a checkpoint may not be saved: as {@link refusal}, in the same order. */
function refusedCheckpoint(
  job: MemoryJob | undefined,
  checkpoint: Checkpoint,
): CheckpointResult | undefined {
  const { attempt, epoch, seq } = checkpoint;
  if (!job) return 'lost';
  if (job.isEnded) return 'closed';
  if (isSuperseded(job, checkpoint)) return 'fenced';
  const isLost = epoch !== job.epoch || attempt > job.attempt || job.top < seq;
  if (isLost || !job.log) return 'lost';
  return job.worker === undefined ? 'fenced' : undefined;
}

type Writer = Pick<Attempt, 'attempt' | 'token'>;

/** L3: a newer attempt, or another claim under the same number. */
function isSuperseded(job: MemoryJob, { attempt, token }: Writer): boolean {
  return attempt < job.attempt || (attempt === job.attempt && token !== job.token);
}

function isNewest(job: MemoryJob, { attempt, token }: Writer): boolean {
  return attempt === job.attempt && token === job.token;
}

function isFenced(job: MemoryJob, restore: Restore): boolean {
  if (isSuperseded(job, restore)) return true;
  if (isNewest(job, restore)) return job.worker === undefined;
  return job.worker !== undefined && job.claimedAt > restore.claimedAt;
}

function claimed(job: MemoryJob, at: number): Claim {
  const { attempt, token, record, checkpoint, resumeSeq } = job;
  const claim = { kind: 'claimed', attempt, token, record, input: job.origin.input, at } as const;
  if (resumeSeq === undefined || checkpoint === undefined) return claim;
  return { ...claim, resume: { seq: resumeSeq, data: checkpoint.data } };
}
