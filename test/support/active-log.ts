// A job that a test runs itself, through the hub's own writer: a thousand of them need no slots.
import type { RedisStore } from '@stepcast/redis';

export class ActiveLog {
  #steps = 0;
  #top: number;

  private constructor(
    readonly writer: RedisStore['writer'],
    readonly job: string,
    readonly epoch: string,
    readonly token: string,
    top: number,
  ) {
    this.#top = top;
  }

  static async claim(writer: RedisStore['writer'], id: string): Promise<ActiveLog> {
    const claim = await writer.claim(id, 'test');
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    return new ActiveLog(writer, id, claim.record.epoch, claim.token, claim.record.top);
  }

  step(): Promise<void> {
    return this.#append('step', { step: this.#steps + 1, of: 10 });
  }

  complete(): Promise<void> {
    return this.#append('completed', { output: { steps: 10 }, metrics: {} });
  }

  async #append(type: string, data: object): Promise<void> {
    this.#steps += 1;
    const result = await this.writer.append({
      ...{ job: this.job, attempt: 1, token: this.token, epoch: this.epoch },
      ...{ firstProducerSeq: this.#steps, expectedTop: this.#top },
      events: [{ type, data: JSON.stringify(data) }],
    });
    if (result.kind !== 'stored') throw new Error(result.kind);
    this.#top = result.top;
  }
}
