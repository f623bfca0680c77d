/**
 * What earlier attempts have left in the log, for the attempt that begins now.
 *
 *   1 … S            what the checkpoint covers: stays
 *   S+1 … top        of the dead attempt: the model's events are void, log lines stay
 *   top+1            attempt {resume, fromSeq: S+1}
 *   top+2            snapshot: what stays, only if something is void
 *
 * Without a checkpoint S is 0 and the mode `restart`, by which every reader voids the model's events itself.
 */
import {
  Fold,
  type FoldOf,
  type JobLogReader,
  type LogEntry,
  type StoredSnapshot,
} from '@stepcast/hub';
import { isReservedType, isTerminalType, type JobEvent } from '@stepcast/protocol';
import { Journal, NO_BACKLOG, type Backlog } from './journal.js';
import type { ClaimedJob } from './log-session.js';

export interface Past {
  /** With everything up to the `attempt` event of this attempt. */
  readonly journal: Journal;
  /** Model events behind the checkpoint that viewers still hold. */
  readonly voided: number;
  /** What lies in the log behind its snapshot, or behind the checkpoint if the attempt resumes. */
  readonly backlog: Backlog;
}

const PAGE_SIZE = 1_000;

/** Reads the past of a claimed job; the first attempt has none. */
export async function readPast(
  reader: JobLogReader,
  claim: ClaimedJob,
  foldOf: FoldOf,
): Promise<Past> {
  const { attempt, at, record, resume } = claim;
  const { id: job, top } = record;
  if (attempt === 1) {
    return { journal: new Journal(foldOf), voided: 0, backlog: NO_BACKLOG };
  }
  const past = await readLog(reader, claim, new PastFold(foldOf, resume?.seq));
  const seq = top + 1;
  const data =
    resume === undefined
      ? { attempt, mode: 'restart', fromSeq: seq + 1 }
      : { attempt, mode: 'resume', fromSeq: resume.seq + 1 };
  past.fold.apply({ job, seq, attempt, type: 'attempt', at, data });
  const { backlog, fold, voided } = past;
  return { journal: new Journal(foldOf, fold, seq), voided, backlog };
}

async function readLog(
  reader: JobLogReader,
  { record: { id, top } }: ClaimedJob,
  past: PastFold,
): Promise<PastFold> {
  while (past.seq < top) {
    const page = await reader.read(id, past.seq, PAGE_SIZE);
    if (page?.snapshot !== undefined) past.begin(page.snapshot);
    // What follows came after the claim, and so from another one: Redis has lost this one, or another wins.
    for (const entry of page?.entries ?? []) if (entry.seq <= top) past.add(entry);
    if (page === undefined || page.entries.length === 0) break;
  }
  past.assertWhole();
  return past;
}

/** The fold of a log without what is void behind a checkpoint. */
class PastFold {
  fold: Fold;
  voided = 0;
  backlog = NO_BACKLOG;
  /** Of the newest event that was seen. */
  seq = 0;
  readonly #foldOf: FoldOf;
  readonly #checkpointSeq: number | undefined;

  constructor(foldOf: FoldOf, checkpointSeq?: number) {
    this.fold = new Fold(foldOf);
    this.#foldOf = foldOf;
    this.#checkpointSeq = checkpointSeq;
  }

  begin({ seq, state }: StoredSnapshot): void {
    if (seq <= this.seq) return;
    if (seq > (this.#checkpointSeq ?? Infinity)) throw this.#unreachable();
    this.fold = new Fold(this.#foldOf, JSON.parse(state) as Fold['state']);
    this.backlog = NO_BACKLOG;
    this.seq = seq;
  }

  add({ seq, type, json }: LogEntry): void {
    this.seq = seq;
    if (seq > (this.#checkpointSeq ?? 0)) {
      const { events, bytes } = this.backlog;
      this.backlog = { events: events + 1, bytes: bytes + json.length };
    }
    // Behind the checkpoint one was written by an attempt that resumed there, too: nothing before it counts.
    if (type === 'snapshot') this.voided = 0;
    // A job that could be claimed has not ended: this is the end of a life that Redis has lost since.
    if (isTerminalType(type)) return;
    if (seq > (this.#checkpointSeq ?? Infinity) && !isReservedType(type)) this.voided += 1;
    else this.fold.apply(JSON.parse(json) as JobEvent);
  }

  /** @throws {Error} when the log has been lost since the claim found that it reaches the checkpoint */
  assertWhole(): void {
    if (this.seq < (this.#checkpointSeq ?? 0)) throw this.#unreachable();
  }

  #unreachable(): Error {
    return new Error(`the log cannot be folded up to its checkpoint at ${this.#checkpointSeq}`);
  }
}
