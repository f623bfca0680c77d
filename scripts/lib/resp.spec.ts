import { describe, expect, it } from '@jest/globals';

import { encodeCommand, parseReplies } from './resp.mjs';

describe('encodeCommand', () => {
  it('counts bytes, not characters', () => {
    expect(encodeCommand(['AUTH', 'ü'])).toBe('*2\r\n$4\r\nAUTH\r\n$2\r\nü\r\n');
  });
});

describe('parseReplies', () => {
  const bytes = Buffer.from('+OK\r\n-NOAUTH ü required\r\n:7\r\n$4\r\na\r\nb\r\n');
  const all = [
    { text: 'OK', isError: false },
    { text: 'NOAUTH ü required', isError: true },
    { text: '7', isError: false },
    { text: 'a\r\nb', isError: false },
  ];

  it('reads simple strings, errors, integers and bulk strings', () => {
    expect(parseReplies(bytes)).toEqual(all);
  });

  it('leaves out a reply that has not arrived whole, wherever it is cut', () => {
    for (let size = 0; size < bytes.length; size += 1) {
      const replies = parseReplies(bytes.subarray(0, size));
      expect(replies).toEqual(all.slice(0, replies.length));
      expect(replies.length).toBeLessThan(all.length);
    }
  });
});
