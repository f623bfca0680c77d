import { Fold, type FoldOf, type JobLogReader } from '@stepcast/hub';
import { isReservedType, type JobEvent } from '@stepcast/protocol';

/** An event as it was stored, still encoded. */
export interface JournalEntry extends Omit<JobEvent, 'data'> {
  /** JSON of `data`. */
  readonly data: string;
}

const PAGE_SIZE = 1_000;

/**
 * What a writer remembers of a job, to write snapshots and to bring a lost log back: the folded state
 * and, still encoded, what came after it. Events are parsed only when a state is asked for, and of types
 * that fold to `latest` only the newest, so that jobs without snapshots never pay for it.
 */
export class Journal {
  readonly #fold: Fold;
  readonly #foldOf: FoldOf;
  #entries: JournalEntry[] = [];
  #bytes = 0;

  constructor(foldOf: FoldOf, fold = new Fold(foldOf)) {
    this.#foldOf = foldOf;
    this.#fold = fold;
  }

  /** Events since the last {@link encodeState}. */
  get events(): number {
    return this.#entries.length;
  }

  /** Their size. */
  get bytes(): number {
    return this.#bytes;
  }

  add(entry: JournalEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
  }

  /** JSON of the state behind every event that was added. */
  encodeState(): string {
    const newest = new Map(this.#entries.map((entry, index) => [entry.type, index]));
    for (const [index, entry] of this.#entries.entries()) {
      const isReplaced =
        newest.get(entry.type) !== index &&
        !isReservedType(entry.type) &&
        this.#foldOf(entry.type) === 'latest';
      if (!isReplaced) this.#fold.apply({ ...entry, data: JSON.parse(entry.data) as unknown });
    }
    this.#entries = [];
    this.#bytes = 0;
    return JSON.stringify(this.#fold.state);
  }
}

/** The fold of what earlier attempts have written, read from the log. */
export async function readFold(reader: JobLogReader, job: string, foldOf: FoldOf): Promise<Fold> {
  let fold = new Fold(foldOf);
  for (let after = 0; ;) {
    const page = await reader.read(job, after, PAGE_SIZE);
    if (page === undefined) return fold;
    if (page.snapshot !== undefined && page.snapshot.seq > after) {
      fold = new Fold(foldOf, JSON.parse(page.snapshot.state) as Fold['state']);
      after = page.snapshot.seq;
    }
    for (const entry of page.entries) {
      fold.apply(JSON.parse(entry.json) as JobEvent);
      after = entry.seq;
    }
    if (page.entries.length === 0 || after >= page.record.top) return fold;
  }
}
