import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { encodePosition, parseFrom, parsePosition } from './index.js';

interface Vectors {
  valid: { text: string; epoch: string; seq: number }[];
  invalid: { text: string; code: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../test-vectors/positions.json', import.meta.url), 'utf8'),
) as Vectors;

describe('positions', () => {
  it.each(vectors.valid)('reads and writes $text', ({ text, epoch, seq }) => {
    expect(parsePosition(text)).toEqual({ epoch, seq });
    expect(encodePosition({ epoch, seq })).toBe(text);
  });

  it.each(vectors.invalid)('refuses $text with $code', ({ text, code }) => {
    expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code }));
  });

  it('reads the two words for a beginning', () => {
    expect(parseFrom('start')).toBe('start');
    expect(parseFrom('now')).toBe('now');
    expect(parseFrom('k3.7')).toEqual({ epoch: 'k3', seq: 7 });
  });
});
