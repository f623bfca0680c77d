import { describe, expect, it } from '@jest/globals';

import { baseUrl, exampleCommand } from './hub-address.mjs';

describe('baseUrl', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:3000'],
    ['0.0.0.0', 'http://127.0.0.1:3000'],
    ['::', 'http://[::1]:3000'],
    ['::1', 'http://[::1]:3000'],
    ['hub.example', 'http://hub.example:3000'],
  ])('reaches a hub that listens on %s at %s', (host, expected) => {
    expect(baseUrl(host, 3000)).toBe(expected);
  });
});

describe('exampleCommand', () => {
  it('is the line of the documentation', () => {
    expect(exampleCommand('http://127.0.0.1:3000')).toBe(
      "curl -N http://127.0.0.1:3000/v1/models/sketch/stream -H 'content-type: application/json' " +
        `-d '{"prompt":"a big red circle on a blue background","steps":20}'`,
    );
  });
});
