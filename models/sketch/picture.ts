import { encode } from 'fast-png';

/** Width and height of every drawing, in pixels. */
export const SIDE = 64;

/**
 * Turns what the network draws, planes of red, green and blue from -1 to 1 ([3, SIDE, SIDE]), into
 * bytes pixel by pixel ([SIDE, SIDE, 3]).
 */
export function toPixels(planes: Float32Array): Uint8Array {
  const size = SIDE * SIDE;
  return Uint8Array.from({ length: size * 3 }, (_, index) => {
    const value = planes[(index % 3) * size + Math.floor(index / 3)] ?? 0;
    return Math.round(Math.min(Math.max((value + 1) * 127.5, 0), 255));
  });
}

/** The drawing as a PNG in a data URL, about 2 KiB, or 16 KiB while it is noise. */
export function toPngUrl(planes: Float32Array): string {
  const png = encode({ width: SIDE, height: SIDE, channels: 3, data: toPixels(planes) });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
