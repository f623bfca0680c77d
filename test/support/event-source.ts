// A job whose events come as fast as a test or benchmark wants, through the scripts that workers use: no
// model, so it is not the model that is measured. For hubs without workers, who would take the job.
import { randomUUID } from 'node:crypto';

import { Fold, type FoldOf, type JobState } from '@stepcast/hub';
import { completeOptions, jobOptionsSchema, type JobEvent } from '@stepcast/protocol';
import { RedisStore } from '@stepcast/redis';

const OPTIONS = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });
/** As workers group them at most. */
const MAX_BATCH = 256;
const EPOCH = 'e';
const TOKEN = 'event-source';

export interface NewEvent {
  readonly type: string;
  readonly data: unknown;
}

const open = new Set<RedisStore>();

/** A store of its own, which ends with {@link closeAllStores}. */
export async function openStore(url: string, keyPrefix: string): Promise<RedisStore> {
  const store = new RedisStore({ url, keyPrefix, name: 'event-source' });
  await store.open();
  open.add(store);
  return store;
}

export async function closeAllStores(): Promise<void> {
  await Promise.all([...open].map((store) => store.close()));
  open.clear();
}

export class EventSource {
  readonly job: string;
  readonly epoch = EPOCH;
  /** seq of the newest event. */
  top = 0;
  readonly #store: RedisStore;
  readonly #fold: Fold;
  #written = 0;

  private constructor(store: RedisStore, job: string, foldOf: FoldOf) {
    this.#store = store;
    this.job = job;
    this.#fold = new Fold(foldOf);
  }

  /** @param model whose folds a gateway is to apply */
  static async create(store: RedisStore, model: string, foldOf: FoldOf): Promise<EventSource> {
    const id = randomUUID();
    const source = new EventSource(store, id, foldOf);
    await store.records.create({ id, epoch: EPOCH, model, input: '{}', options: OPTIONS });
    await store.writer.claim(id, 'event-source', { token: TOKEN });
    source.top = 1;
    await source.append([{ type: 'started', data: {} }]);
    return source;
  }

  /** What a viewer's fold must come to; `end` of it is not filled. */
  get state(): Readonly<JobState> {
    return this.#fold.state;
  }

  async append(events: readonly NewEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += MAX_BATCH) {
      const batch = events.slice(start, start + MAX_BATCH);
      const result = await this.#store.writer.append({
        job: this.job,
        attempt: 1,
        token: TOKEN,
        epoch: EPOCH,
        firstProducerSeq: this.#written + 1,
        expectedTop: this.top,
        events: batch.map(({ type, data }) => ({ type, data: JSON.stringify(data) })),
      });
      if (result.kind !== 'stored') throw new Error(result.kind);
      for (const [index, { type, data }] of batch.entries()) {
        const seq = this.top + 1 + index;
        const event: JobEvent = { job: this.job, seq, attempt: 1, type, at: 0, data };
        this.#fold.apply(structuredClone(event));
      }
      this.#written += batch.length;
      this.top = result.top;
    }
  }

  /** Appends at a rate until `isEnough`; at full speed when it cannot keep up with the rate. */
  async run(
    perSecond: number,
    make: (index: number) => NewEvent,
    isEnough: () => boolean | Promise<boolean>,
  ): Promise<number> {
    const startedAt = performance.now();
    let count = 0;
    while (!(await isEnough())) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond) - count;
      const size = Math.min(MAX_BATCH, due);
      if (size > 0) {
        await this.append(Array.from({ length: size }, (_, index) => make(count + index)));
        count += size;
      }
      await new Promise((resolve) => setTimeout(resolve, size < MAX_BATCH ? 5 : 0));
    }
    return count;
  }

  /** Stores a snapshot of everything so far and trims the log behind it, as workers do. */
  async trim(): Promise<void> {
    const { job, top: seq } = this;
    const state = JSON.stringify(this.state);
    await this.#store.writer.saveSnapshot({
      ...{ job, attempt: 1, token: TOKEN, epoch: EPOCH },
      ...{ seq, state },
    });
  }

  end(): Promise<void> {
    const data = { output: null, metrics: { queuedMs: 0, runMs: 0 } };
    return this.append([{ type: 'completed', data }]);
  }
}
