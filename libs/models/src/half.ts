const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The bits of the float16 that is nearest to a number, of two equally near the even one: what
 * `Float16Array` would store, which Node.js 20 has not.
 */
export function toHalf(value: number): number {
  float[0] = value;
  const whole = bits[0] ?? 0;
  const sign = (whole >>> 16) & 0x8000;
  const exponent = (whole >>> 23) & 0xff;
  const fraction = whole & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const scaled = exponent - 112;
  if (scaled >= 31) return sign | 0x7c00;
  if (scaled > 0) return sign | round((scaled << 23) | fraction, 13);
  // Too small for a leading one: what is left of the fraction, or nothing.
  return scaled < -10 ? sign : sign | round(fraction | 0x800000, 14 - scaled);
}

/** Takes off the lowest bits; a carry out of the fraction is right to raise the exponent. */
function round(value: number, drop: number): number {
  const kept = value >>> drop;
  const rest = value & (2 ** drop - 1);
  const tie = 2 ** (drop - 1);
  return rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept;
}
