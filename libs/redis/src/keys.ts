/**
 * Every key and channel, in one place (README.md has the same table). What belongs to a job carries the
 * hash tag `{<job id>}`, so that one script may touch all of it in a cluster too.
 */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  meta(job: string): string {
    return this.#of(job, 'meta');
  }

  log(job: string): string {
    return this.#of(job, 'log');
  }

  snapshot(job: string): string {
    return this.#of(job, 'snapshot');
  }

  holders(job: string): string {
    return this.#of(job, 'holders');
  }

  /** Channel of a job's events. */
  feed(job: string): string {
    return this.#of(job, 'feed');
  }

  /** In the order in which every five-key script takes them. */
  all(job: string): string[] {
    return [this.meta(job), this.log(job), this.snapshot(job), this.holders(job), this.feed(job)];
  }

  /** Every job that may still have a record. */
  get jobs(): string {
    return `${this.#prefix}:jobs`;
  }

  /** Every job that has not ended. */
  get open(): string {
    return `${this.#prefix}:open`;
  }

  idempotency(digest: string): string {
    return `${this.#prefix}:idempotency:${digest}`;
  }

  get workers(): string {
    return `${this.#prefix}:workers`;
  }

  workerEntry(worker: string): string {
    return `${this.#prefix}:workers:${worker}`;
  }

  /** Since when the memory of this Redis goes back. */
  get life(): string {
    return `${this.#prefix}:life`;
  }

  duration(model: string): string {
    return `${this.#prefix}:duration:${model}`;
  }

  /** Channel of the nudges for one worker. */
  nudges(worker: string): string {
    return `${this.#prefix}:worker:${worker}`;
  }

  /** Channel of the wakes. */
  get wakes(): string {
    return `${this.#prefix}:wake`;
  }

  /** Channel of one process's probe of its own subscriber connection. */
  canary(process: string): string {
    return `${this.#prefix}:canary:${process}`;
  }

  #of(job: string, part: string): string {
    return `${this.#prefix}:{${job}}:${part}`;
  }
}
