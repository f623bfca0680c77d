import { describe, expect, it } from '@jest/globals';
import { decode } from 'fast-png';
import { SIDE, toPixels, toPngUrl, toPreviewUrl } from './picture.js';

const SIZE = SIDE * SIDE;

describe('toPixels', () => {
  it('interleaves the planes and takes -1 to 1 as 0 to 255', () => {
    const planes = new Float32Array(3 * SIZE);
    planes.fill(-1, 0, SIZE).fill(1, 2 * SIZE);

    expect([...toPixels(planes).subarray(0, 6)]).toEqual([0, 128, 255, 0, 128, 255]);
  });

  it('cuts off what is darker than black or lighter than white', () => {
    const planes = new Float32Array(3 * SIZE).fill(3);
    planes.fill(-3, SIZE);

    expect([...toPixels(planes).subarray(0, 3)]).toEqual([255, 0, 0]);
  });
});

describe.each([
  ['toPngUrl', toPngUrl],
  ['toPreviewUrl', toPreviewUrl],
])('%s', (_, toUrl) => {
  it('makes a PNG that holds exactly the pixels', () => {
    const planes = Float32Array.from({ length: 3 * SIZE }, (_value, index) => Math.sin(index));

    const [head, base64 = ''] = toUrl(planes).split(',');
    const png = decode(Buffer.from(base64, 'base64'), { checkCrc: true });

    expect(head).toBe('data:image/png;base64');
    expect(png).toMatchObject({ width: SIDE, height: SIDE, channels: 3, depth: 8 });
    expect([...png.data]).toEqual([...toPixels(planes)]);
  });
});
