import { describe, expect, it } from '@jest/globals';
import { Channel } from './channel.js';
import { ChannelMemory } from './channel-memory.js';
import { costOf } from './event-window.js';
import { NO_OBSERVER } from './hub-observer.js';
import type { JobRecord, LogEntry } from './ports/job-log.port.js';
import type { FeedBatch } from './ports/log-feed.port.js';

const entry = (seq: number): LogEntry => ({ seq, type: 'step', json: `{"seq":${seq}}` });
const entriesBehind = (after: number, top: number): LogEntry[] =>
  Array.from({ length: top - after }, (_, index) => entry(after + 1 + index));

const STATE = `{"status":"running","events":"${'x'.repeat(1_000)}"}`;

/** A channel over a store that holds events up to `top`; by default with a window of the newest one. */
async function createChannel({
  top = 10,
  trimmedTo = 0,
  maxMemoryBytes = 1,
  maxWindowBytes = 1,
} = {}) {
  const store = { top, epoch: 'e', answer: Promise.resolve(), hasJob: true };
  const turns: (() => void)[] = [];
  const feed: { publish: (batch: FeedBatch) => void } = { publish: () => undefined };
  const memory = new ChannelMemory(maxMemoryBytes);
  const channel = new Channel({
    job: 'j',
    reader: {
      read: async (_job, after) => {
        const page = {
          record: { epoch: store.epoch, top: store.top, model: 'm' } as JobRecord,
          entries: entriesBehind(Math.max(after, trimmedTo), store.top),
          ...(after < trimmedTo && { snapshot: { seq: trimmedTo, state: STATE } }),
        };
        await store.answer;
        return store.hasJob ? page : undefined;
      },
      heads: () => Promise.resolve([]),
    },
    feed: {
      subscribe: (_job, listener) => {
        feed.publish = listener;
        return Promise.resolve();
      },
      unsubscribe: () => Promise.resolve(),
      onInterrupted: () => undefined,
    },
    defer: (callback) => turns.push(callback),
    maxWindowBytes,
    memory,
    maxChunkBytes: 1_000,
    foldsOf: () => () => 'all',
    observer: NO_OBSERVER,
    clock: { now: () => 0, after: () => () => undefined },
  });
  await channel.join();
  const runTurns = () => {
    for (const turn of turns.splice(0)) turn();
  };
  runTurns();
  return { channel, feed, memory, store, runTurns };
}

describe('Channel', () => {
  it('lets no viewer get ahead of it, though the store is (I5)', async () => {
    const { channel, store } = await createChannel();
    store.top = 15;

    const page = await channel.readOlder('e', 5);

    expect(page).toEqual({ kind: 'events', entries: entriesBehind(5, 10) });
    expect(channel.next('e', 10)).toEqual({ kind: 'events', entries: [] });
  });

  it('says what the next turn sends to all, so that nobody is served alone', async () => {
    const { channel, feed, runTurns } = await createChannel();

    feed.publish({ epoch: 'e', entries: [entry(11)] });
    expect(channel.isAboutToSend('e', 10)).toBe(true);
    expect(channel.isAboutToSend('e', 9)).toBe(false);

    runTurns();
    expect(channel.isAboutToSend('e', 10)).toBe(false);
  });

  it('drops its base when memory is short, and reads it for those who need it (I4)', async () => {
    const { channel, memory } = await createChannel({ trimmedTo: 8 });

    // What is left is the newest event.
    expect(memory.usedBytes).toBe(costOf(entry(10)));
    for (const [epoch, seq, reason] of [
      ['e', 3, 'trimmed'],
      ['another', 9, 'lost'],
      ['e', 11, 'lost'],
    ] as const) {
      expect(channel.next(epoch, seq)).toEqual({ kind: 'older' });
      expect(await channel.readOlder(epoch, seq)).toEqual({
        kind: 'reset',
        reason,
        base: { seq: 8, state: STATE },
      });
    }
  });

  it('gives up events before its base, while that alone is not too much', async () => {
    const maxMemoryBytes = 2 * STATE.length;
    const maxWindowBytes = 2 * maxMemoryBytes;
    const { channel, memory } = await createChannel({
      trimmedTo: 8,
      top: 20,
      maxMemoryBytes,
      maxWindowBytes,
    });

    expect(channel.next('e', 3)).toMatchObject({ kind: 'reset', base: { state: STATE } });
    expect(channel.next('e', 8)).toEqual({ kind: 'older' });
    expect(memory.usedBytes).toBeLessThanOrEqual((maxMemoryBytes * 3) / 4);
  });

  it('keeps a base of which nothing follows: it tells how the job stands (I4)', async () => {
    const { channel } = await createChannel({ trimmedTo: 10 });

    expect(channel.next('e', 3)).toMatchObject({ kind: 'reset', base: { seq: 10, state: STATE } });
  });

  it('lets a viewer wait while the store lacks the job, and sends it away once that has ended', async () => {
    const { channel, store, feed, runTurns } = await createChannel();
    store.hasJob = false;

    expect(await channel.readOlder('e', 5)).toBeUndefined();
    feed.publish({ epoch: 'e', entries: [{ seq: 11, type: 'completed', json: '{}' }] });
    runTurns();

    await expect(channel.readOlder('e', 5)).rejects.toMatchObject({ code: 'job_not_found' });
  });

  it('gives no page of a new life of the log to a viewer of the old one', async () => {
    const { channel, store, feed } = await createChannel();
    let answer = (): void => undefined;
    store.epoch = 'e2';
    store.answer = new Promise((resolve) => (answer = resolve));
    const reading = channel.readOlder('e', 5);

    store.answer = Promise.resolve();
    feed.publish({ epoch: 'e2', entries: [entry(1)] });
    for (let turn = 0; turn < 100 && channel.epoch === 'e'; turn++) await Promise.resolve();
    answer();

    expect(channel.epoch).toBe('e2');
    expect(await reading).toBeUndefined();
  });
});
