import { beforeEach, describe, expect, it } from '@jest/globals';
import { LIMITS, StepcastError } from '@stepcast/protocol';
import type { LogEntry } from './index.js';
import { Viewer, type Next, type ViewerSource } from './viewer.js';

/** A source of 100 events, of which the newest `held` are in memory. */
class Source implements ViewerSource {
  readonly job = 'j';
  epoch = 'e';
  top = 100;
  held = 100;
  isEnded = false;
  removed = 0;
  reads: { after: number; answer: (next: Next) => void }[] = [];

  next(epoch: string, seq: number): Next {
    if (epoch !== this.epoch) return { kind: 'reset', reason: 'lost', base: { seq: 0 } };
    if (seq < this.top - this.held) return { kind: 'older' };
    return { kind: 'events', entries: this.entries(seq, this.top) };
  }
  readOlder(after: number): Promise<Next> {
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
});
