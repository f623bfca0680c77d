/** The colours that sketch was taught, as `train/data.py` has them. */
export const PALETTE = {
  red: [220, 40, 40],
  orange: [245, 140, 30],
  yellow: [250, 215, 50],
  green: [45, 160, 70],
  cyan: [60, 200, 215],
  blue: [45, 85, 215],
  purple: [130, 60, 180],
  pink: [245, 140, 185],
  brown: [120, 75, 40],
  gray: [140, 140, 140],
  white: [255, 255, 255],
  black: [20, 20, 20],
} as const satisfies Record<string, Rgb>;

export type Rgb = readonly [number, number, number];
export type Colour = keyof typeof PALETTE;

/** Whether a point is inside. */
export type Region = (x: number, y: number) => boolean;

/** Half turns of a star of five points, and the inner corner of its edge. */
const POINT = Math.PI / 5;
const INNER = { x: 0.42 * Math.cos(POINT), y: 0.42 * Math.sin(POINT) };

/** Ideal shapes of radius 1 around the origin, y downwards, as `train/data.py` has them. */
export const SHAPES = {
  circle: (x, y) => x * x + y * y <= 1,
  ring: (x, y) => x * x + y * y <= 1 && x * x + y * y >= 0.55 ** 2,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.85,
  diamond: (x, y) => Math.abs(x) * 1.25 + Math.abs(y) <= 1,
  cross: (x, y) =>
    Math.min(Math.abs(x), Math.abs(y)) <= 0.33 && Math.max(Math.abs(x), Math.abs(y)) <= 1,
  triangle: (x, y) => y <= 0.75 && y + 1 >= (Math.abs(x) * 1.75) / 0.95,
  heart: (x, y) => {
    const u = x * 1.2;
    const v = 0.12 - y * 1.2;
    return (u * u + v * v - 1) ** 3 - u * u * v ** 3 <= 0;
  },
  star: (x, y) => {
    // Fold the plane into one half of one point; then a single edge decides.
    const turn = Math.atan2(x, -y) + POINT + 2 * Math.PI;
    const fold = Math.abs((turn % (2 * POINT)) - POINT);
    const radius = Math.hypot(x, y);
    const along = radius * Math.cos(fold) - 1;
    return along * INNER.y - radius * Math.sin(fold) * (INNER.x - 1) <= 0;
  },
} as const satisfies Record<string, Region>;

export type Shape = keyof typeof SHAPES;

export const COLOURS = Object.keys(PALETTE).filter((name): name is Colour => name in PALETTE);
export const SHAPE_NAMES = Object.keys(SHAPES).filter((name): name is Shape => name in SHAPES);
