import { SHAPE_NAMES, SHAPES, type Region, type Shape } from './ideals.js';
import { SIDE } from './picture.js';

/** An ideal shape laid over a drawing. */
export interface Fit {
  shape: Shape;
  /** In pixels. */
  radius: number;
  /** Intersection over union, 0 to 1. */
  overlap: number;
}

/** Where an ideal shape is laid, in pixels. */
interface Place {
  radius: number;
  x: number;
  y: number;
}

/** Edges of a region: in pixels of a drawing, or in units of an ideal shape. */
interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const MIN_RADIUS = 4;
/** Only the shapes whose first guess fits best are worth the search. */
const MAX_CLIMBS = 3;

/**
 * Finds the ideal shape, its radius and its place that overlap a drawing best. The box around the
 * drawing gives a first guess for each shape, and the best of them are improved from there.
 *
 * @param mask - which pixels are drawn, [SIDE, SIDE]
 * @returns undefined when nothing is drawn, or too little to be any shape
 */
export function bestFit(mask: readonly boolean[]): Fit | undefined {
  const box = boxOf(mask);
  if (box === undefined) return undefined;
  const guesses = SHAPE_NAMES.map((shape) => {
    const place = firstGuess(box, extentOf(SHAPES[shape]));
    return { shape, ...place, overlap: overlapOf(mask, box, { shape, ...place }) };
  });
  return guesses
    .sort(byOverlap)
    .slice(0, MAX_CLIMBS)
    .map((guess) => climb(mask, box, guess))
    .sort(byOverlap)[0];
}

function byOverlap(a: Fit, b: Fit): number {
  return b.overlap - a.overlap;
}

/** Moves an ideal shape half a pixel at a time while its overlap with the drawing grows. */
function climb(mask: readonly boolean[], box: Box, start: Fit & Place): Fit & Place {
  let best = start;
  for (;;) {
    const around = neighbours(best).map((place) => {
      return { ...best, ...place, overlap: overlapOf(mask, box, { ...best, ...place }) };
    });
    const better = around.reduce((a, b) => (b.overlap > a.overlap ? b : a), best);
    if (better === best) return best;
    best = better;
  }
}

function firstGuess(box: Box, unit: Box): Place {
  const across = (box.right - box.left) / (unit.right - unit.left);
  const down = (box.bottom - box.top) / (unit.bottom - unit.top);
  const radius = Math.max(Math.round(across + down) / 2, MIN_RADIUS);
  return {
    radius,
    x: (box.left + box.right) / 2 - ((unit.left + unit.right) / 2) * radius,
    y: (box.top + box.bottom) / 2 - ((unit.top + unit.bottom) / 2) * radius,
  };
}

function neighbours({ radius, x, y }: Place): Place[] {
  return [-0.5, 0.5].flatMap((offset) => [
    { radius: Math.max(radius + offset, MIN_RADIUS), x, y },
    { radius, x: x + offset, y },
    { radius, x, y: y + offset },
  ]);
}

/** Pixels are compared at their middles, wherever the drawing or the ideal shape may reach. */
function overlapOf(mask: readonly boolean[], box: Box, ideal: Place & { shape: Shape }): number {
  const { radius, x: centreX, y: centreY } = ideal;
  const isInside = SHAPES[ideal.shape];
  const right = Math.max(box.right, Math.ceil(centreX + radius));
  const bottom = Math.max(box.bottom, Math.ceil(centreY + radius));
  let both = 0;
  let either = 0;
  for (let y = Math.min(box.top, Math.floor(centreY - radius)); y < bottom; y++) {
    for (let x = Math.min(box.left, Math.floor(centreX - radius)); x < right; x++) {
      const isDrawn = x >= 0 && x < SIDE && (mask[y * SIDE + x] ?? false);
      const isIdeal = isInside((x + 0.5 - centreX) / radius, (y + 0.5 - centreY) / radius);
      if (isDrawn && isIdeal) both++;
      if (isDrawn || isIdeal) either++;
    }
  }
  return both / either;
}

function boxOf(mask: readonly boolean[]): Box | undefined {
  const drawn = mask.flatMap((isDrawn, index) => (isDrawn ? [index] : []));
  if (drawn.length === 0) return undefined;
  const xs = drawn.map((index) => index % SIDE);
  const ys = drawn.map((index) => Math.floor(index / SIDE));
  return {
    left: Math.min(...xs),
    top: Math.min(...ys),
    right: Math.max(...xs) + 1,
    bottom: Math.max(...ys) + 1,
  };
}

/** The box around an ideal shape of radius 1, found by looking at a fine grid of points. */
function extentOf(region: Region): Box {
  const extent = { left: 1, top: 1, right: -1, bottom: -1 };
  const cells = 50;
  for (let i = -cells; i <= cells; i++) {
    for (let j = -cells; j <= cells; j++) {
      const [x, y] = [i / cells, j / cells];
      if (!region(x, y)) continue;
      extent.left = Math.min(extent.left, x);
      extent.top = Math.min(extent.top, y);
      extent.right = Math.max(extent.right, x);
      extent.bottom = Math.max(extent.bottom, y);
    }
  }
  return extent;
}
