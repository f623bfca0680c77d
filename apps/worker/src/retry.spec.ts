import { describe, expect, it } from '@jest/globals';
import { StepcastError } from '@stepcast/protocol';
import { pino } from 'pino';
import { whileUnavailable } from './retry.js';

function setUp() {
  const lines: { msg: string; failures?: number }[] = [];
  const counts = { retried: 0, waiting: 0, began: 0 };
  const logger = pino(
    {},
    { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) },
  );
  const waits = {
    retried: () => void (counts.retried += 1),
    waitBegan: () => {
      counts.waiting += 1;
      counts.began += 1;
    },
    waitEnded: () => void (counts.waiting -= 1),
  };
  const abort = new AbortController();
  const options = { what: 'append', logger, signal: abort.signal, waits };
  return { lines, counts, abort, options };
}

/** Fails so many times, then answers. */
const failing = (times: number) => () => {
  times -= 1;
  return times >= 0 ? Promise.reject(new StepcastError('unavailable')) : Promise.resolve('stored');
};

describe('whileUnavailable', () => {
  it('repeats until the store is there, with two lines in the log', async () => {
    const { lines, counts, options } = setUp();

    await expect(whileUnavailable(failing(3), options)).resolves.toBe('stored');

    expect(lines.map(({ msg }) => msg)).toEqual([
      'the store is unavailable: the job waits',
      'the store is there again: the job goes on',
    ]);
    expect(lines[1]?.failures).toBe(3);
    expect(counts).toEqual({ retried: 3, waiting: 0, began: 1 });
  });

  it('says nothing when the first call succeeds', async () => {
    const { lines, counts, options } = setUp();

    await whileUnavailable(failing(0), options);

    expect([lines, counts.began]).toEqual([[], 0]);
  });

  it('gives up when the signal fires, and says so', async () => {
    const { lines, counts, abort, options } = setUp();
    const result = whileUnavailable(failing(Infinity), options);
    abort.abort();

    await expect(result).resolves.toBeUndefined();

    expect(lines.at(-1)?.msg).toBe('the job stops waiting for the store');
    expect(counts.waiting).toBe(0);
  });

  it('passes other errors through', async () => {
    const { options } = setUp();

    await expect(
      whileUnavailable(() => Promise.reject(new RangeError('no')), options),
    ).rejects.toThrow(RangeError);
  });
});
