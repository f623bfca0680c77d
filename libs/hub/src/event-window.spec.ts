import { describe, expect, it } from '@jest/globals';
import { EventWindow, costOf } from './event-window.js';

const entry = (seq: number, length = 100) => ({ seq, type: 'step', json: 'x'.repeat(length) });
const cost = costOf(entry(1));

function windowOf(count: number): EventWindow {
  const window = new EventWindow(0);
  window.push(Array.from({ length: count }, (_, index) => entry(index + 1)));
  return window;
}

describe('EventWindow', () => {
  it('gives what is behind a seq, and says when it no longer has it (I1)', () => {
    const window = windowOf(10);
    window.trim(4 * cost, 10);

    expect(window.firstSeq).toBe(7);
    expect(window.after(6)?.map(({ seq }) => seq)).toEqual([7, 8, 9, 10]);
    expect(window.after(10)).toEqual([]);
    expect(window.after(5)).toBeUndefined();
  });

  it('refuses a hole (I1)', () => {
    expect(() => {
      windowOf(3).push([entry(5)]);
    }).toThrow(RangeError);
  });

  it('counts what it holds', () => {
    const window = windowOf(10);
    expect(window.bytes).toBe(10 * cost);
    window.trim(4 * cost, 10);

    expect(window.bytes).toBe(4 * cost);
  });

  it('keeps what is not sent yet, and the newest of all, however large (I2)', () => {
    const window = windowOf(10);
    window.trim(0, 6);
    expect(window.firstSeq).toBe(7);
    window.push([entry(11, 100_000)]);
    window.trim(0, 11);

    expect(window.after(10)?.map(({ seq }) => seq)).toEqual([11]);
  });

  it('begins anywhere, empty', () => {
    const window = new EventWindow(40);

    expect([window.top, window.firstSeq, window.newest]).toEqual([40, 41, undefined]);
    expect(window.after(40)).toEqual([]);
    expect(window.after(39)).toBeUndefined();
  });
});
