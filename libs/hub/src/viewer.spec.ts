import { beforeEach, describe, expect, it } from '@jest/globals';
import { LIMITS, StepcastError, type FoldKind } from '@stepcast/protocol';
import { NO_OBSERVER } from './hub-observer.js';
import type { LogEntry } from './index.js';
import { Viewer, type Next, type ViewerSource } from './viewer.js';

/** A source of 100 events, of which the newest `held` are in memory. */
class Source implements ViewerSource {
  readonly job = 'j';
  readonly maxChunkBytes = 16_384;
  readonly foldOf = (type: string) => (type === 'step' ? this.fold : 'all');
  readonly observer = {
    ...NO_OBSERVER,
    reset: (reason: string) => void resets.push(reason),
    merged: (events: number) => void (merged += events),
  };
  fold: FoldKind = 'all';
  epoch = 'e';
  top = 100;
  held = 100;
  isEnded = false;
  removed = 0;
  trimmedTo = 0;
  isSending = false;
  laters: (() => void)[] = [];
  reads: { after: number; answer: (next: Next) => void }[] = [];

  next(epoch: string, seq: number): Next {
    if (epoch !== this.epoch) return { kind: 'reset', reason: 'lost', base: { seq: 0 } };
    if (seq < this.trimmedTo)
      return { kind: 'reset', reason: 'trimmed', base: { seq: this.trimmedTo } };
    if (seq < this.top - this.held) return { kind: 'older' };
    return { kind: 'events', entries: this.entries(seq, this.top) };
  }
  isAboutToSend(): boolean {
    return this.isSending;
  }
  later(callback: () => void): void {
    this.laters.push(callback);
  }
  readOlder(_epoch: string, after: number): Promise<Next> {
    return new Promise((answer) => this.reads.push({ after, answer }));
  }
  remove(): void {
    this.removed++;
  }
  entries(after: number, to: number): LogEntry[] {
    return Array.from({ length: to - after }, (_, index) => {
      const seq = after + 1 + index;
      const type = this.isEnded && seq === this.top ? 'completed' : 'step';
      return { seq, type, json: 'x'.repeat(2_000) };
    });
  }
}

let source: Source;
let sent: number[];
let unsentBytes: number;
let closed: string[];
let refusedBytes: number;
let resets: string[];
let merged: number;
let ends: number;

function viewerAt(seq: number, epoch = 'e'): Viewer {
  return new Viewer({
    channel: source,
    position: { epoch, seq },
    onEnd: () => ends++,
    onFail: ({ code }) => closed.push(code),
    transport: {
      encoder: {
        events: (_epoch, entries) => new Uint8Array(entries.map((entry) => entry.seq)),
        reset: () => new Uint8Array([201]),
        snapshot: () => new Uint8Array([202]),
      },
      get unsentBytes() {
        return unsentBytes;
      },
      get refusedBytes() {
        return refusedBytes;
      },
      write: (chunk) => {
        sent.push(...chunk);
        unsentBytes += chunk.length * 2_000;
      },
    },
  });
}

const upTo = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => from + 1 + i);

beforeEach(() => {
  source = new Source();
  sent = [];
  closed = [];
  unsentBytes = 0;
  refusedBytes = 0;
  resets = [];
  merged = 0;
  ends = 0;
});

describe('Viewer', () => {
  it('stops at maxUnsentBytes and goes on where it was when the connection has drained (I1, I2)', () => {
    const viewer = viewerAt(0);
    viewer.pump();
    const before = sent.length;
    expect(unsentBytes).toBeGreaterThanOrEqual(LIMITS.maxUnsentBytes - 2_000);
    expect(before).toBeLessThan(50);
    viewer.pump();

    while (sent.length < 100) {
      unsentBytes = 0;
      viewer.pump();
    }

    expect(sent).toEqual(upTo(0, 100));
  });

  it('is not up to date while it is slow, so that live events do not overtake its backlog', () => {
    const viewer = viewerAt(100);
    expect(viewer.isAt('e', 100)).toBe(true);
    unsentBytes = LIMITS.maxUnsentBytes;

    expect(viewer.isAt('e', 100)).toBe(false);
  });

  it('reads from the store what is no longer in memory, one read at a time', async () => {
    source.held = 10;
    const viewer = viewerAt(80);
    viewer.pump();
    viewer.pump();
    expect(source.reads.map(({ after }) => after)).toEqual([80]);
    source.reads[0]?.answer({ kind: 'events', entries: source.entries(80, 95) });
    await Promise.resolve();
    await Promise.resolve();

    expect(sent).toEqual(upTo(80, 100));
  });

  it('fails, without ending its connection, when the store cannot be read', async () => {
    source.held = 10;
    source.readOlder = () => Promise.reject(new StepcastError('unavailable'));
    viewerAt(80).pump();
    await new Promise((resolve) => setImmediate(resolve));

    expect(closed).toEqual(['unavailable']);
    expect(source.removed).toBe(1);
  });

  it('announces a reset and a snapshot before it continues in another epoch (I1)', () => {
    viewerAt(7, 'other').pump();

    expect(sent.slice(0, 4)).toEqual([201, 202, 1, 2]);
  });

  it('ends with the terminal event and writes nothing behind it (I3)', () => {
    source.isEnded = true;
    const viewer = viewerAt(98);
    viewer.pump();
    viewer.pump();

    expect(sent).toEqual([99, 100]);
    expect(ends).toBe(1);
    expect(source.removed).toBe(1);
  });

  it('ends at once when it already has the terminal event', () => {
    source.isEnded = true;
    viewerAt(100).pump();

    expect(sent).toEqual([]);
    expect(ends).toBe(1);
  });

  describe('that was up to date and then stopped taking what came', () => {
    /** Up to date at 10; then all but taking. */
    function stuckViewer(fold: FoldKind): Viewer {
      source.fold = fold;
      source.top = 10;
      const viewer = viewerAt(10);
      viewer.pump();
      source.top = 100;
      unsentBytes = refusedBytes = LIMITS.maxUnsentBytes;
      viewer.pump();
      expect(sent).toEqual([]);
      return viewer;
    }

    function drain(viewer: Viewer): void {
      for (let before = -1; before < sent.length;) {
        before = sent.length;
        unsentBytes = refusedBytes = 0;
        viewer.pump();
      }
    }

    it('gets only the newest of a latest type, and says how many it was spared (I1)', () => {
      drain(stuckViewer('latest'));

      expect(sent).toEqual([100]);
      expect(merged).toBe(89);
    });

    it('gets every event of a type that is kept whole', () => {
      drain(stuckViewer('all'));

      expect(sent).toEqual(upTo(10, 100));
      expect(merged).toBe(0);
    });

    it('gets every event again once it is up to date', () => {
      const viewer = stuckViewer('latest');
      drain(viewer);
      source.top = 103;
      viewer.pump();

      expect(sent).toEqual([100, 101, 102, 103]);
    });

    it('gets a short backlog whole', () => {
      const viewer = stuckViewer('latest');
      source.top = 17;
      drain(viewer);

      expect(sent).toEqual(upTo(10, 17));
    });

    it('gets pages of the store merged, too', async () => {
      source.held = 10;
      const viewer = stuckViewer('latest');
      drain(viewer);
      source.reads[0]?.answer({ kind: 'events', entries: source.entries(10, 40) });
      await Promise.resolve();
      await Promise.resolve();

      expect(sent).toEqual([40]);
      expect(source.reads[1]?.after).toBe(40);
    });

    it('is reset as slow, not as trimmed, when the log was cut behind its back', () => {
      const viewer = stuckViewer('all');
      source.trimmedTo = 60;
      drain(viewer);

      expect(sent).toEqual([201, 202, ...upTo(60, 100)]);
      expect(resets).toEqual(['slow']);
    });
  });

  it('is merged for neither a long history nor a burst of one turn', () => {
    source.fold = 'latest';
    const joiner = viewerAt(0);
    refusedBytes = LIMITS.maxUnsentBytes;
    for (let round = 0; round < 10; round++) {
      unsentBytes = 0;
      joiner.pump();
    }
    expect(sent).toEqual(upTo(0, 100));
    sent = [];
    refusedBytes = 0;
    // Much in one turn, but the operating system has refused nothing.
    source.top = 150;
    joiner.pump();
    for (let round = 0; round < 10; round++) {
      unsentBytes = 0;
      joiner.pump();
    }

    expect(sent).toEqual(upTo(100, 150));
  });

  it('that comes with a position which is trimmed is told so', () => {
    source.trimmedTo = 60;
    viewerAt(10).pump();

    expect(sent.slice(0, 2)).toEqual([201, 202]);
    expect(resets).toEqual(['trimmed']);
  });

  it('ends alone, and throws nothing, when a snapshot cannot be read', () => {
    source.next = () => ({ kind: 'reset', reason: 'lost', base: { seq: 3, state: '{broken' } });
    const viewer = viewerAt(1, 'other');

    viewer.pump();
    viewer.pump();

    expect(closed).toEqual(['internal']);
    expect(source.removed).toBe(1);
    expect(sent).toEqual([]);
  });

  it('leaves to the channel what the next turn sends to everybody', () => {
    const viewer = viewerAt(90);
    source.isSending = true;

    viewer.pump();
    expect(sent).toEqual([]);

    source.isSending = false;
    viewer.pump();
    expect(sent).toHaveLength(10);
  });

  it('reads again a little later when a read brought nothing', async () => {
    source.held = 5;
    const viewer = viewerAt(50);
    viewer.pump();

    source.reads.shift()?.answer({ kind: 'events', entries: [] });
    await Promise.resolve();
    await Promise.resolve();
    expect(source.reads).toEqual([]);

    source.laters.shift()?.();
    expect(source.reads).toHaveLength(1);
  });

  it('does not take a page when other jobs have filled the connection meanwhile', async () => {
    source.held = 5;
    const viewer = viewerAt(50);
    viewer.pump();
    unsentBytes = LIMITS.maxUnsentBytes;

    source.reads.shift()?.answer({ kind: 'events', entries: source.entries(50, 60) });
    await Promise.resolve();
    await Promise.resolve();

    expect(sent).toEqual([]);
  });
});
