import { describe, expect, it } from '@jest/globals';

import { COLOURS, PALETTE, SHAPE_NAMES, SHAPES, type Colour, type Shape } from './ideals.js';
import { SIDE } from './picture.js';
import { nearestColour, recognise } from './quality.js';

interface Drawing {
  shape: Shape;
  colour: Colour;
  background: Colour;
  radius: number;
  x: number;
  y: number;
}

const PLAIN: Drawing = {
  shape: 'circle',
  colour: 'red',
  background: 'white',
  radius: 14,
  x: 32,
  y: 32,
};

/** An ideal drawing with soft edges: each pixel is the mean of 2 x 2 samples. */
function paint(drawing: Partial<Drawing>): Uint8Array {
  const { shape, colour, background, radius, x, y } = { ...PLAIN, ...drawing };
  const samples = [0.25, 0.75];
  const pixels = Array.from({ length: SIDE * SIDE }, (_, index) => {
    const px = (index % SIDE) - x;
    const py = Math.floor(index / SIDE) - y;
    const hits = samples.flatMap((dx) =>
      samples.filter((dy) => SHAPES[shape]((px + dx) / radius, (py + dy) / radius)),
    );
    return PALETTE[background].map((back, i) => {
      return back + ((PALETTE[colour][i]! - back) * hits.length) / samples.length ** 2;
    });
  });
  return Uint8Array.from(pixels.flat());
}

describe('recognise', () => {
  it.each(SHAPE_NAMES)('recognises an ideal %s, small, medium and big, in any place', (shape) => {
    const places = [
      { radius: 9, x: 11, y: 50, size: 'small' },
      { radius: 15, x: 30, y: 25, size: 'medium' },
      { radius: 22.5, x: 33, y: 31, size: 'big' },
    ];

    for (const { size, ...place } of places) {
      const finding = recognise(paint({ shape, ...place }));

      expect(finding).toMatchObject({ shape, size, colour: 'red', background: 'white' });
      expect(finding.overlap).toBeGreaterThan(0.9);
    }
  });

  it('tells every colour, in front and behind', () => {
    const half = COLOURS.length / 2;

    for (const [index, colour] of COLOURS.slice(0, half).entries()) {
      const background = COLOURS[index + half]!;

      expect(recognise(paint({ colour, background }))).toMatchObject({ colour, background });
    }
  });

  it('is not misled by the mixed colours of soft edges', () => {
    const thin = paint({ shape: 'ring', radius: 8, colour: 'red', background: 'white' });

    expect(recognise(thin)).toMatchObject({ colour: 'red', shape: 'ring' });
  });

  it('finds nothing on an empty sheet', () => {
    const empty = new Uint8Array(SIDE * SIDE * 3).fill(255);

    expect(recognise(empty)).toEqual({
      background: 'white',
      colour: undefined,
      shape: undefined,
      size: undefined,
      overlap: 0,
    });
  });

  it('finds no shape in noise, in two shapes at once and in a stripe', () => {
    const noise = Uint8Array.from(
      { length: SIDE * SIDE * 3 },
      (_, i) => (i * 7919 + (i >> 3)) % 256,
    );
    const left = paint({ x: 16, radius: 9 });
    const right = paint({ x: 48, radius: 9 });
    const two = left.map((value, index) =>
      index % (SIDE * 3) < SIDE * 1.5 ? value : right[index]!,
    );
    const stripe = paint({}).map((_, index) =>
      Math.floor(index / 3 / SIDE) < 8 ? index % 3 : 255,
    );

    for (const pixels of [noise, two, stripe]) expect(recognise(pixels).shape).toBeUndefined();
  });

  it('tells a drawing from one that was asked for', () => {
    const square = recognise(paint({ shape: 'square' }));

    expect(square.shape).not.toBe('circle');
    expect(square.shape).not.toBe('diamond');
  });
});

describe('nearestColour', () => {
  it.each(COLOURS)('knows %s although it is a little off', (colour) => {
    const [red, green, blue] = PALETTE[colour];

    expect(nearestColour([red - 12, green + 10, blue - 8])).toBe(colour);
  });
});
