import { bestFit } from './fit.js';
import { COLOURS, PALETTE, type Colour, type Rgb, type Shape } from './ideals.js';
import { SIDE } from './picture.js';

export type Size = 'small' | 'medium' | 'big';

/** What the checker saw in a picture. */
export interface Finding {
  /** Palette colour nearest to most pixels of the border. */
  background: Colour;
  /** Palette colour nearest to most other pixels; undefined if nothing is drawn. */
  colour: Colour | undefined;
  /** The ideal shape that covers the drawing best; undefined if none comes near. */
  shape: Shape | undefined;
  size: Size | undefined;
  /** Intersection over union of the drawing and that ideal shape, 0 to 1. */
  overlap: number;
}

/** Below this overlap a drawing is no shape at all; wrong shapes reach 0.5 to 0.85 of each other. */
const MIN_OVERLAP = 0.7;
/** The greatest radius, in pixels, that still counts as that size (`RADII` in `train/data.py`). */
const MAX_RADIUS = { small: 13.5, medium: 18 } as const;

/** Says what a picture shows. `pixels` are bytes of red, green and blue, [SIDE, SIDE, 3]. */
export function recognise(pixels: Uint8Array): Finding {
  const names = Array.from({ length: SIDE * SIDE }, (_, i) => nearestColour(pixelAt(pixels, i)));
  const background = mostCommon(names.filter((_, i) => isBorder(i))) ?? 'white';
  const colour = mostCommon(names.filter((name) => name !== background));
  if (colour === undefined) {
    return { background, colour, shape: undefined, size: undefined, overlap: 0 };
  }
  const mask = coverage(pixels, PALETTE[background], PALETTE[colour]);
  const best = bestFit(mask);
  const isShape = best !== undefined && best.overlap >= MIN_OVERLAP;
  return {
    background,
    colour,
    shape: isShape ? best.shape : undefined,
    size: isShape ? sizeOf(best.radius) : undefined,
    overlap: best?.overlap ?? 0,
  };
}

/** The palette colour nearest to a pixel, by plain distance in RGB. */
export function nearestColour(pixel: Rgb): Colour {
  const distance = (name: Colour): number =>
    PALETTE[name].reduce((total, value, i) => total + (value - (pixel[i] ?? 0)) ** 2, 0);
  return COLOURS.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

function pixelAt(pixels: Uint8Array, index: number): Rgb {
  const [red = 0, green = 0, blue = 0] = pixels.subarray(index * 3, index * 3 + 3);
  return [red, green, blue];
}

function isBorder(index: number): boolean {
  const x = index % SIDE;
  const y = Math.floor(index / SIDE);
  return x === 0 || y === 0 || x === SIDE - 1 || y === SIDE - 1;
}

function mostCommon(names: readonly Colour[]): Colour | undefined {
  const counts = new Map<Colour, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Which pixels belong to the drawing: those nearer to `front` on the line from `back` to `front`. */
function coverage(pixels: Uint8Array, back: Rgb, front: Rgb): boolean[] {
  const line = front.map((value, i) => value - (back[i] ?? 0));
  const length = line.reduce((total, value) => total + value * value, 0);
  return Array.from({ length: SIDE * SIDE }, (_, index) => {
    const pixel = pixelAt(pixels, index);
    const along = line.reduce((total, v, i) => total + v * ((pixel[i] ?? 0) - (back[i] ?? 0)), 0);
    return along / length >= 0.5;
  });
}

function sizeOf(radius: number): Size {
  if (radius <= MAX_RADIUS.small) return 'small';
  return radius <= MAX_RADIUS.medium ? 'medium' : 'big';
}
