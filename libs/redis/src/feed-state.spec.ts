import { describe, expect, it } from '@jest/globals';
import { FeedState } from './feed-state.js';

function setUp() {
  const told: string[] = [];
  const feed = new FeedState((change) => {
    const after = change.kind === 'whole' ? ` after ${change.durationMs}` : '';
    told.push(`${change.kind}: ${change.cause}${after}`);
  });
  return { told, feed };
}

describe('FeedState', () => {
  it('tells an interruption twice (F1)', () => {
    const { told, feed } = setUp();
    feed.interrupted('connection', 10);
    feed.interrupted('connection', 20);
    feed.whole(60);
    feed.whole(70);

    expect(told).toEqual(['interrupted: connection', 'whole: connection after 50']);
    expect([...feed.interruptions]).toEqual([['connection', 1]]);
  });

  it('keeps the cause of a silence when its connection is then given up', () => {
    const { told, feed } = setUp();
    feed.interrupted('silence', 0);
    feed.interrupted('connection', 1);
    expect(feed.cause).toBe('silence');

    feed.whole(5);
    expect(told).toEqual(['interrupted: silence', 'whole: silence after 5']);
  });
});
