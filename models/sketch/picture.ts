import { PNG, type PackerOptions } from 'pngjs';

/** All that is read of a PNG to write it. The class would cost as much time again to be made. */
interface Packer {
  write(image: Pick<PNG, 'width' | 'height' | 'data'>, options: PackerOptions): Buffer;
}

/** Width and height of every drawing, in pixels. */
export const SIDE = 64;

/** An opaque drawing; no filter, because those that are usual make noise larger. */
const RGB = { colorType: 2, inputColorType: 2, inputHasAlpha: false, filterType: 0 } as const;

/**
 * Turns what the network draws, planes of red, green and blue from -1 to 1 ([3, SIDE, SIDE]), into
 * bytes pixel by pixel ([SIDE, SIDE, 3]).
 */
export function toPixels(planes: Float32Array): Uint8Array {
  const size = SIDE * SIDE;
  // Rounds, and cuts off what is too dark or too light.
  const pixels = new Uint8ClampedArray(3 * size);
  for (let plane = 0; plane < 3; plane++) {
    for (let from = plane * size, to = plane; to < pixels.length; from++, to += 3) {
      pixels[to] = ((planes[from] ?? 0) + 1) * 127.5;
    }
  }
  return new Uint8Array(pixels.buffer);
}

/** The drawing as a PNG in a data URL, about 5 KiB, or 14 KiB while it is noise. */
export function toPngUrl(planes: Float32Array): string {
  return toDataUrl(planes, 9);
}

/**
 * The drawing as a PNG in a data URL, quickly: 16 KiB, not compressed. Most previews are noise, which would
 * shrink by a sixth, and that would take longer than all else that a step does beside the network.
 */
export function toPreviewUrl(planes: Float32Array): string {
  return toDataUrl(planes, 0);
}

function toDataUrl(planes: Float32Array, deflateLevel: number): string {
  const { buffer } = toPixels(planes);
  const packer: Packer = PNG.sync;
  const image = { width: SIDE, height: SIDE, data: Buffer.from(buffer) };
  const bytes = packer.write(image, { ...RGB, deflateLevel });
  return `data:image/png;base64,${bytes.toString('base64')}`;
}
