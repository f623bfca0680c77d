import { describe, expect, it } from '@jest/globals';
import { isAllowedOrigin } from './origin.js';

describe('isAllowedOrigin', () => {
  it.each([
    ['no origin: not a foreign page', undefined, 'hub:3000', [], true],
    ['the page of the hub itself', 'http://hub:3000', 'hub:3000', [], true],
    ['another port', 'http://hub:3001', 'hub:3000', [], false],
    ['another host', 'http://evil.example', 'hub:3000', [], false],
    ['an opaque origin', 'null', 'hub:3000', [], false],
    ['garbage', 'hub:3000', 'hub:3000', [], false],
    ['a named origin', 'https://app.example', 'hub', ['https://app.example'], true],
    [
      'a named origin with another scheme',
      'http://app.example',
      'hub',
      ['https://app.example'],
      false,
    ],
    ['any origin', 'https://app.example', 'hub', ['*'], true],
  ] as const)('%s', (_name, origin, host, allowed, expected) => {
    expect(isAllowedOrigin(origin, host, allowed)).toBe(expected);
  });
});
