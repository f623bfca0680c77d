/** Pictures to try classify with that did not come from its training: for tests, evaluation and benchmarks. */
import type { Random } from '@stepcast/models';
import { PNG } from 'pngjs';

import { COLOURS, PALETTE, SHAPE_NAMES, SHAPES } from '../sketch/ideals.js';
import type { Attribute } from './describe.js';
import { PICTURE_SIZE, SIDE } from './picture.js';

/** Radii in pixels that `train/pictures.py` calls so. */
const RADII = { small: [9, 13], medium: [14, 17.5], big: [19, 24] } as const;

export interface Painting {
  /** What it shows. */
  readonly truth: Readonly<Record<Attribute, string>>;
  /** Planes of red, green and blue from 0 to 1, [3, SIDE, SIDE]. */
  readonly planes: Float32Array;
}

/**
 * Paints some shape, colour, size and background, off the middle by up to 5 pixels, its colours off by up to
 * 12 of 255, with soft edges.
 * @param noise standard deviation of what is added to each number
 */
export function paint(random: Random, noise: number): Painting {
  const shape = pick(random, SHAPE_NAMES);
  const size = pick(random, ['small', 'medium', 'big'] as const);
  const colour = pick(random, COLOURS);
  const background = pick(
    random,
    COLOURS.filter((name) => name !== colour),
  );
  const [least, most] = RADII[size];
  const radius = least + random.uniform() * (most - least);
  const [front, back] = [colour, background].map((name) => tint(random, PALETTE[name as 'red']));
  const [x, y] = [place(random), place(random)];
  const planes = new Float32Array(PICTURE_SIZE);
  for (let index = 0; index < SIDE * SIDE; index++) {
    const part = coverage(SHAPES[shape], {
      x: ((index % SIDE) - x) / radius,
      y: (Math.floor(index / SIDE) - y) / radius,
      pixel: 1 / radius,
    });
    for (let channel = 0; channel < 3; channel++) {
      const clean = (front?.[channel] ?? 0) * part + (back?.[channel] ?? 0) * (1 - part);
      const value = noise > 0 ? clean + noise * random.gaussian() : clean;
      planes[channel * SIDE * SIDE + index] = Math.min(Math.max(value, 0), 1);
    }
  }
  return { truth: { shape, colour, size, background }, planes };
}

/** The picture as a PNG in a data URL. */
export function toUrl(planes: Float32Array): string {
  const png = new PNG({ width: SIDE, height: SIDE });
  for (let index = 0; index < SIDE * SIDE; index++) {
    for (let channel = 0; channel < 3; channel++) {
      png.data[index * 4 + channel] = Math.round(
        (planes[channel * SIDE * SIDE + index] ?? 0) * 255,
      );
    }
    png.data[index * 4 + 3] = 255;
  }
  return `data:image/png;base64,${PNG.sync.write(png).toString('base64')}`;
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random.uniform() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

function place(random: Random): number {
  return SIDE / 2 + Math.round(random.uniform() * 10 - 5);
}

function tint(random: Random, rgb: readonly number[]): number[] {
  return rgb.map((value) => (value + random.uniform() * 24 - 12) / 255);
}

interface Spot {
  readonly x: number;
  readonly y: number;
  /** Width of a pixel, in radii. */
  readonly pixel: number;
}

/** How much of a pixel is inside, by 2 x 2 samples. */
function coverage(inside: (x: number, y: number) => boolean, { x, y, pixel }: Spot): number {
  const [near, far] = [pixel / 4, (pixel * 3) / 4];
  return (
    (Number(inside(x + near, y + near)) +
      Number(inside(x + far, y + near)) +
      Number(inside(x + near, y + far)) +
      Number(inside(x + far, y + far))) /
    4
  );
}
