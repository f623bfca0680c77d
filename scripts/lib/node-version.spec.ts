import { describe, expect, it } from '@jest/globals';

import { assertNodeVersion, isNodeVersionSupported } from './node-version.mjs';

describe('isNodeVersionSupported', () => {
  it.each([
    ['18.20.4', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['22.0.0', true],
  ])('%s: %s', (version, expected) => {
    expect(isNodeVersionSupported(version)).toBe(expected);
  });
});

describe('assertNodeVersion', () => {
  it('says what is needed and what there is', () => {
    expect(() => {
      assertNodeVersion('18.20.4');
    }).toThrow(/needs Node 20\.19 or newer.*18\.20\.4/);
  });
});
