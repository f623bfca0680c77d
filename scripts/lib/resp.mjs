/** The little of the Redis protocol that a few questions at start-up need. */
import { Buffer } from 'node:buffer';

/** @param {readonly string[]} words */
export function encodeCommand(words) {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

/**
 * Simple strings, errors, integers and bulk strings; a reply that has not arrived whole is left out.
 * @param {Buffer} bytes
 * @returns {{ text: string, isError: boolean }[]}
 */
export function parseReplies(bytes) {
  const replies = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return replies;
    const line = bytes.toString('utf8', at + 1, lineEnd);
    const type = String.fromCharCode(bytes[at] ?? 0);
    at = lineEnd + 2;
    if (type !== '$') {
      replies.push({ text: line, isError: type === '-' });
      continue;
    }
    const size = Number(line);
    if (bytes.length < at + size + 2) return replies;
    replies.push({ text: bytes.toString('utf8', at, at + size), isError: false });
    at += size + 2;
  }
}
