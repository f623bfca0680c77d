import { describe, expect, it } from '@jest/globals';

import { TextStream } from './text-stream.js';

/** Tokens are bytes here, so that a character can be cut in two. */
const decodeBytes = (tokens: number[]): string => new TextDecoder().decode(Uint8Array.from(tokens));

function stream(text: string, stops: string[]): { pieces: string[]; isStopped: boolean } {
  const subject = new TextStream(decodeBytes, stops);
  const pieces: string[] = [];
  for (const byte of new TextEncoder().encode(text)) {
    const piece = subject.push(byte);
    pieces.push(piece.text);
    if (piece.isStopped) return { pieces, isStopped: true };
  }
  const last = subject.end();
  return { pieces: [...pieces, last.text], isStopped: last.isStopped };
}

describe('TextStream', () => {
  it('gives text at once when there is nothing to wait for', () => {
    expect(stream('fox', []).pieces).toEqual(['f', 'o', 'x', '']);
  });

  it('holds back the bytes of an unfinished character', () => {
    expect(stream('é!', []).pieces).toEqual(['', 'é', '!', '']);
  });

  it('gives a character that stays unfinished as U+FFFD at the end', () => {
    const subject = new TextStream(decodeBytes, []);

    expect(subject.push(0xc3).text).toBe('');
    expect(subject.end().text).toBe('\uFFFD');
  });

  it('stops before a stop string and shows no part of it', () => {
    expect(stream('The end. More', ['end.'])).toEqual({
      pieces: ['T', 'h', '', 'e ', '', '', '', ''],
      isStopped: true,
    });
  });

  it('releases what only looked like a stop string', () => {
    expect(stream('an ending', ['end.']).pieces.join('')).toBe('an ending');
    expect(stream('aab', ['ab.']).pieces).toEqual(['', 'a', '', 'ab']);
  });

  it('finds a stop string that begins within a broken beginning of itself', () => {
    expect(stream('aaab!', ['aab'])).toMatchObject({ isStopped: true });
    expect(stream('aaab!', ['aab']).pieces.join('')).toBe('a');
  });

  it('stops at the earliest of several stop strings', () => {
    const subject = new TextStream(
      (tokens) => ['one two three'].slice(tokens.length - 1).join(''),
      ['three', 'two'],
    );

    expect(subject.push(0)).toEqual({ text: 'one ', isStopped: true });
  });
});
