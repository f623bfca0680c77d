import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Dispatcher } from './dispatcher.js';
import type { RunHost } from './job-run.js';
import type { JobSource, QueueTicket } from './queue-ticket.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';

class FakeSource implements JobSource {
  asked = 0;
  readonly givenBack: string[] = [];
  /** While it is set, the queue does not answer. */
  frozen: Promise<void> | undefined;

  constructor(
    readonly model: string,
    readonly jobs: string[],
  ) {}

  async next(): Promise<QueueTicket | undefined> {
    this.asked += 1;
    await this.frozen;
    const job = this.jobs.shift();
    if (job === undefined) return undefined;
    const giveBack = () => Promise.resolve(void this.givenBack.push(job));
    return { job, model: this.model, giveBack } as unknown as QueueTicket;
  }

  hasWaiting(): Promise<boolean> {
    return Promise.resolve(this.jobs.length > 0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The queue does not answer until the returned function is called. */
function freeze(source: FakeSource): () => void {
  let thaw = (): void => undefined;
  source.frozen = new Promise((resolve) => {
    thaw = resolve;
  });
  return () => {
    thaw();
  };
}

const hostOf = (id: string) => ({ id, models: { a: { device: 'cpu' }, b: { device: 'cpu' } } });

describe('Dispatcher', () => {
  const dispatchers: Dispatcher<RunHost>[] = [];
  afterEach(async () => {
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.refuse()));
  });

  function create(sources: FakeSource[], slots: number) {
    const free = Array.from(
      { length: slots },
      (_, slot) => hostOf(String(slot)) as unknown as RunHost,
    );
    const running = new Map<string, () => void>();
    const order: string[] = [];
    const unserved = new Set<string>();
    const dispatcher: Dispatcher<RunHost> = new Dispatcher<RunHost>({
      sources: () => sources,
      slots: {
        roomFor: () => free[0],
        take: (host) => void free.splice(free.indexOf(host), 1),
        release: (host) => {
          free.push(host);
          dispatcher.poke();
        },
        isTurnOver: () => false,
        renewTurn: () => undefined,
      },
      run: ({ job }) => {
        order.push(job);
        return new Promise((resolve) => running.set(job, resolve));
      },
      failsUnserved: (model) => unserved.has(model),
      pollMs: 60_000,
      refuseMs: 50,
      logger: pino({ level: 'silent' }),
    });
    dispatchers.push(dispatcher);
    return { dispatcher, running, order, unserved };
  }

  it('takes a job only when a slot is free (D1), and asks the queues in turn (D3)', async () => {
    const [a, b] = [new FakeSource('a', ['a1', 'a2', 'a3']), new FakeSource('b', ['b1'])];
    const { dispatcher, running, order } = create([a, b], 2);

    dispatcher.start();
    await waitFor(() => order.length === 2);

    expect(order).toEqual(['a1', 'b1']);
    expect(a.jobs).toEqual(['a2', 'a3']);
    running.get('b1')?.();
    await waitFor(() => order.length === 3);
    expect(order).toEqual(['a1', 'b1', 'a2']);
  });

  it('asks again when it is poked during a round (D2)', async () => {
    const source = new FakeSource('a', []);
    const { dispatcher, order } = create([source], 1);
    dispatcher.start();
    source.jobs.push('late');

    dispatcher.poke();

    await waitFor(() => order.length === 1);
    expect(order).toEqual(['late']);
  });

  it('takes nothing once it refuses (D4), and is idle when what runs has ended', async () => {
    const source = new FakeSource('a', ['a1', 'a2']);
    const { dispatcher, running, order } = create([source], 1);
    dispatcher.start();
    await waitFor(() => order.length === 1);

    await dispatcher.refuse();
    const idle = dispatcher.idle();
    running.get('a1')?.();
    await idle;

    expect(order).toEqual(['a1']);
    expect(source.jobs).toEqual(['a2']);
  });

  it('gives back what a queue hands out while draining, and runs none of it (D4)', async () => {
    const source = new FakeSource('a', ['a1', 'a2']);
    const thaw = freeze(source);
    const { dispatcher, order } = create([source], 1);
    dispatcher.start();
    await waitFor(() => source.asked === 1);

    const refused = dispatcher.refuse();
    thaw();
    await refused;

    expect([source.givenBack, order, source.jobs]).toEqual([['a1'], [], ['a2']]);
  });

  it('does not wait for a queue that does not answer, and gives back what it hands out late (D4)', async () => {
    const source = new FakeSource('a', ['a1']);
    const thaw = freeze(source);
    const { dispatcher, order } = create([source], 1);
    dispatcher.start();
    await waitFor(() => source.asked === 1);

    await dispatcher.refuse();
    await dispatcher.idle();
    expect(source.givenBack).toEqual([]);
    thaw();

    await waitFor(() => source.givenBack.length === 1);
    expect(order).toEqual([]);
  });

  it('leaves jobs of models that could not be loaded to others, if there are any', async () => {
    const source = new FakeSource('c', ['c1']);
    const { dispatcher, order, unserved } = create([source], 1);

    dispatcher.start();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(source.asked).toBe(0);
    unserved.add('c');
    dispatcher.poke();

    await waitFor(() => order.length === 1);
    expect(order).toEqual(['c1']);
  });

  describe('with a slot that batches', () => {
    /** One slot with three places for jobs of one model; its turn is over from the third job on. */
    function createBatching(sources: FakeSource[]) {
      const host = hostOf('0') as unknown as RunHost;
      const running: { readonly job: string; readonly end: () => void }[] = [];
      const order: string[] = [];
      let model: string | undefined;
      let renewed = 0;
      const dispatcher: Dispatcher<RunHost> = new Dispatcher<RunHost>({
        sources: () => sources,
        slots: {
          roomFor: (wanted) =>
            running.length === 0 || (model === wanted && running.length < 3) ? host : undefined,
          take: (_, taken) => {
            model = taken;
          },
          release: () => {
            dispatcher.poke();
          },
          isTurnOver: () => running.length > 0 && order.length >= 2 && renewed === 0,
          renewTurn: () => {
            renewed += 1;
          },
        },
        run: ({ job }) => {
          order.push(job);
          return new Promise((resolve) => {
            const end = () => {
              running.splice(
                running.findIndex((other) => other.job === job),
                1,
              );
              resolve();
            };
            running.push({ job, end });
          });
        },
        failsUnserved: () => false,
        pollMs: 60_000,
        refuseMs: 50,
        logger: pino({ level: 'silent' }),
      });
      dispatchers.push(dispatcher);
      return { dispatcher, running, order, renewals: () => renewed };
    }

    it('fills it with jobs of the same model while nobody else waits (D1, D3)', async () => {
      const [a, b] = [new FakeSource('a', ['a1', 'a2', 'a3', 'a4']), new FakeSource('b', [])];
      const { dispatcher, order, renewals } = createBatching([a, b]);

      dispatcher.start();
      await waitFor(() => order.length === 3);

      expect(order).toEqual(['a1', 'a2', 'a3']);
      expect(a.jobs).toEqual(['a4']);
      expect(renewals()).toBe(1);
    });

    it('lets others have it when its turn is over, however many jobs of the model wait (D3)', async () => {
      const a = new FakeSource('a', ['a1', 'a2', 'a3', 'a4']);
      const b = new FakeSource('b', ['b1']);
      const { dispatcher, running, order } = createBatching([a, b]);

      dispatcher.start();
      await waitFor(() => order.length === 2);
      running[0]?.end();
      running[0]?.end();
      await waitFor(() => order.length === 3);

      expect(order).toEqual(['a1', 'a2', 'b1']);
    });
  });
});
