import { describe, expect, it } from '@jest/globals';
import { toHalf } from './half.js';

/** The other way, by the definition of the format. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return (
    sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  );
}

describe('toHalf', () => {
  it('gives back every finite float16', () => {
    const finite = Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) =>
      Number.isFinite(fromHalf(bits)),
    );

    expect(finite.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
    expect(toHalf(NaN) & 0x7fff).toBeGreaterThan(0x7c00);
    expect(toHalf(-Infinity)).toBe(0xfc00);
  });

  it('takes the nearest, of two equally near the even one', () => {
    const wrong = Array.from({ length: 0x7bff }, (_, bits) => bits).filter((bits) => {
      const low = fromHalf(bits);
      const between = (part: number) => toHalf(low + (fromHalf(bits + 1) - low) * part);
      const even = bits % 2 === 0 ? bits : bits + 1;
      return between(0.25) !== bits || between(0.75) !== bits + 1 || between(0.5) !== even;
    });

    expect(wrong).toEqual([]);
    expect(toHalf(65_520)).toBe(0x7c00);
  });
});
