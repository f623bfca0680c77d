import { describe, expect, it } from '@jest/globals';
import { Channel } from './channel.js';
import { ChannelMemory } from './channel-memory.js';
import { NO_OBSERVER } from './hub-observer.js';
import type { JobRecord, LogEntry } from './ports/job-log.port.js';
import type { FeedBatch } from './ports/log-feed.port.js';

const entry = (seq: number): LogEntry => ({ seq, type: 'step', json: `{"seq":${seq}}` });
const entriesBehind = (after: number, top: number): LogEntry[] =>
  Array.from({ length: top - after }, (_, index) => entry(after + 1 + index));

/** A channel over a store that holds `top` events, with a window of the newest one. */
async function createChannel() {
  const store = { top: 10 };
  const turns: (() => void)[] = [];
  const feed: { publish: (batch: FeedBatch) => void } = { publish: () => undefined };
  const memory = new ChannelMemory(1);
  const channel = new Channel({
    job: 'j',
    reader: {
      read: (_job, after) =>
        Promise.resolve({
          record: { epoch: 'e', top: store.top, model: 'm' } as JobRecord,
          entries: entriesBehind(after, store.top),
        }),
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
    maxWindowBytes: 1,
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
  return { channel, feed, store, runTurns };
}

describe('Channel', () => {
  it('lets no viewer get ahead of it, though the store is (I5)', async () => {
    const { channel, store } = await createChannel();
    store.top = 15;

    const page = await channel.readOlder(5);

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
});
