import { describe, expect, it } from '@jest/globals';
import { Shutdown } from './shutdown.js';

describe('Shutdown', () => {
  it('runs phases in order, hooks of one phase side by side (S1)', async () => {
    const shutdown = new Shutdown();
    const order: string[] = [];
    const hook = (name: string, phase: 'refuse' | 'drain' | 'flush') => {
      shutdown.register({
        name,
        phase,
        run: async () => {
          order.push(`${name} begins`);
          await Promise.resolve();
          order.push(`${name} ends`);
        },
      });
    };
    hook('flush', 'flush');
    hook('drain a', 'drain');
    hook('drain b', 'drain');
    hook('refuse', 'refuse');

    await shutdown.run(1_000);

    expect(order).toEqual([
      'refuse begins',
      'refuse ends',
      'drain a begins',
      'drain b begins',
      'drain a ends',
      'drain b ends',
      'flush begins',
      'flush ends',
    ]);
  });

  it('aborts its signal before the first hook', async () => {
    const shutdown = new Shutdown();
    let wasAborted = false;
    shutdown.register({
      name: 'look',
      phase: 'refuse',
      run: () => {
        wasAborted = shutdown.signal.aborted;
      },
    });

    await shutdown.run(1_000);

    expect(wasAborted).toBe(true);
  });

  it('goes on behind a hook that fails or misses its deadline, and reports both (S2, S3)', async () => {
    const shutdown = new Shutdown();
    let isLate = false;
    let isFlushed = false;
    shutdown.register({
      name: 'hangs',
      phase: 'drain',
      deadlineMs: 5,
      run: (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            isLate = true;
          });
        }),
    });
    shutdown.register({
      name: 'throws',
      phase: 'drain',
      run: () => {
        throw new Error('broken');
      },
    });
    shutdown.register({
      name: 'flush',
      phase: 'flush',
      run: () => {
        isFlushed = true;
      },
    });

    const failure = await shutdown.run(1_000).catch((error: unknown) => error as AggregateError);

    expect((failure as AggregateError).errors.map(String)).toEqual([
      'Error: while stopping: hangs',
      'Error: while stopping: throws',
    ]);
    expect([isLate, isFlushed]).toEqual([true, true]);
  });

  it('runs once (S4)', async () => {
    const shutdown = new Shutdown();
    let runs = 0;
    shutdown.register({ name: 'count', phase: 'drain', run: () => runs++ });

    await Promise.all([shutdown.run(1_000), shutdown.run(1_000)]);

    expect(runs).toBe(1);
  });
});
