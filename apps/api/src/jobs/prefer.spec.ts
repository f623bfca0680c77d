import { describe, expect, it } from '@jest/globals';
import { parseWaitSeconds } from './prefer.js';

describe('parseWaitSeconds', () => {
  it.each([
    [undefined, 60],
    ['wait=5', 5],
    ['wait=0', 0],
    ['respond-async, wait=10', 10],
    ['respond-async; Wait = "7"', 7],
    ['wait=9999', 300],
    ['wait=soon', 60],
    ['await=5', 60],
    [['handling=lenient', 'wait=3'], 3],
  ])('%j → %i', (header, seconds) => {
    expect(parseWaitSeconds(header)).toBe(seconds);
  });
});
