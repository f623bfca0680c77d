import { deflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { encode } from 'fast-png';

import { CIRCLE } from './examples.js';
import { PICTURE_SIZE, readPicture, SIDE } from './picture.js';

const toUrl = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;

interface Sheet {
  width?: number;
  height?: number;
  /** As [the value of a channel, …]: grey, grey and opacity, RGB, or RGB and opacity. */
  colour: readonly number[];
  depth?: 8 | 16;
}

/** A sheet of one colour. */
function sheet({ width = SIDE, height = SIDE, colour, depth = 8 }: Sheet): Buffer {
  const channels = colour.length;
  const values = Array.from({ length: width * height }, () => colour).flat();
  const data = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
  return Buffer.from(encode({ width, height, channels, depth, data }));
}

/** The three numbers of every pixel, which all are to have. */
function colourOf(planes: Float32Array): number[] {
  const size = SIDE * SIDE;
  const first = [0, size, 2 * size].map((index) => planes[index]!);
  expect(planes.every((value, index) => value === first[Math.floor(index / size)])).toBe(true);
  return first.map((value) => Math.round(value * 255));
}

describe('readPicture', () => {
  it('gives planes of red, green and blue from 0 to 1', () => {
    const planes = readPicture(toUrl(sheet({ colour: [255, 102, 0] })));

    expect(planes).toHaveLength(PICTURE_SIZE);
    expect(colourOf(planes)).toEqual([255, 102, 0]);
    expect(planes[0]).toBe(1);
  });

  it('keeps every pixel in its place', () => {
    const data = Array.from({ length: SIDE * SIDE }, (_, i) => [
      i % SIDE,
      Math.floor(i / SIDE),
      200,
    ]);
    const png = encode({
      width: SIDE,
      height: SIDE,
      channels: 3,
      data: Uint8Array.from(data.flat()),
    });

    const planes = readPicture(toUrl(Buffer.from(png)));

    const bytes = Array.from(planes, (value) => Math.round(value * 255));
    const expected = [0, 1, 2].flatMap((plane) => data.map((pixel) => pixel[plane]));
    expect(bytes).toEqual(expected);
  });

  it.each([
    ['with opacity', { colour: [10, 200, 30, 255] }, [10, 200, 30]],
    ['grey', { colour: [77] }, [77, 77, 77]],
    ['grey with opacity', { colour: [77, 255] }, [77, 77, 77]],
    ['of 16 bits', { colour: [10 * 257, 200 * 257, 30 * 257], depth: 16 }, [10, 200, 30]],
  ] as const)('reads a PNG %s', (_, options, expected) => {
    expect(colourOf(readPicture(toUrl(sheet(options))))).toEqual(expected);
  });

  it('reads a PNG with a palette of two colours', () => {
    const planes = readPicture(CIRCLE);

    const middle = (SIDE / 2) * SIDE + SIDE / 2;
    const at = (index: number) =>
      [0, 1, 2].map((plane) => Math.round((planes[plane * SIDE * SIDE + index] ?? NaN) * 255));
    expect(at(0)).toEqual([255, 255, 255]);
    expect(at(middle)).toEqual([220, 40, 40]);
  });

  it('shows white through what is transparent', () => {
    const clear = colourOf(readPicture(toUrl(sheet({ colour: [255, 0, 0, 0] }))));
    const half = colourOf(readPicture(toUrl(sheet({ colour: [255, 0, 0, 51] }))));

    expect(clear).toEqual([255, 255, 255]);
    expect(half).toEqual([255, 204, 204]);
  });
});

describe('readPicture, of chunks that say nothing about pixels', () => {
  it('passes over them, and over what lies behind the end', () => {
    const png = withChunk(sheet({ colour: [255, 102, 0] }), 'tEXt');

    expect(colourOf(readPicture(toUrl(Buffer.concat([png, png]))))).toEqual([255, 102, 0]);
  });
});

describe('readPicture, of what is no picture for it', () => {
  const good = sheet({ colour: [1, 2, 3] });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a few bytes of a PNG', good.subarray(0, 20)],
    ['text', Buffer.from('a red circle on white, in plenty of words')],
    ['a JPEG', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(100)])],
  ])('refuses %s as no PNG', (_, bytes) => {
    expect(() => readPicture(toUrl(bytes))).toThrow('is not a PNG');
  });

  it.each([
    [65, 64],
    [64, 63],
    [1, 1],
    [640, 480],
  ])('says that %i x %i is the wrong size', (width, height) => {
    const url = toUrl(sheet({ colour: [0, 0, 0], width, height }));

    expect(() => readPicture(url)).toThrow(
      `is ${width} x ${height} pixels; it must be ${SIDE} x ${SIDE}`,
    );
  });

  it('refuses a picture that claims to be enormous before it unpacks anything', () => {
    const bomb = Buffer.from(good);
    bomb.writeUInt32BE(0x7fffffff, 16);
    bomb.writeUInt32BE(0x7fffffff, 20);

    expect(() => readPicture(toUrl(bomb))).toThrow('is 2147483647 x 2147483647 pixels');
  });

  it('refuses an interlaced picture, which could unpack to anything', () => {
    const interlaced = Buffer.from(good);
    interlaced[28] = 1;

    expect(() => readPicture(toUrl(interlaced))).toThrow('save it without interlacing');
  });

  it.each([
    ['cut off in its data', good.subarray(0, 60)],
    ['cut off before its end', good.subarray(0, good.length - 6)],
    ['with one bit turned', flipped(good, 50)],
    ['whose data is no deflate stream', withData(good, Buffer.alloc(50, 7))],
    ['with too little data', withData(good, deflateSync(Buffer.alloc(500)))],
    ['without any data', withData(good, Buffer.alloc(0))],
    ['with 40 MB of data', withData(good, deflateSync(Buffer.alloc(40_000_000)))],
    ['of an unknown type of colour', withHeader(good, 25, 5)],
    ['with a second header, and another size in it', withSecondHeader(good, 8_000)],
    ['with its own header a second time', withSecondHeader(good, SIDE)],
    ['with a chunk nobody knows, which says that it matters', withChunk(good, 'ABCD')],
  ])('refuses a picture %s as damaged', (_, bytes) => {
    expect(() => readPicture(toUrl(bytes))).toThrow('is a damaged PNG');
  });
});

function flipped(png: Buffer, at: number): Buffer {
  const copy = Buffer.from(png);
  copy[at]! ^= 1;
  return copy;
}

/** The same picture with another byte in its header, and a right checksum. */
function withHeader(png: Buffer, at: number, value: number): Buffer {
  const header = Buffer.from(png.subarray(16, 29));
  header[at - 16] = value;
  return Buffer.concat([png.subarray(0, 8), chunk('IHDR', header), png.subarray(33)]);
}

/** The same picture with one more chunk behind its header. */
function withChunk(png: Buffer, type: string, data = Buffer.alloc(4)): Buffer {
  return Buffer.concat([png.subarray(0, 33), chunk(type, data), png.subarray(33)]);
}

/** The same picture with one more header, of another height and width, behind its own. */
function withSecondHeader(png: Buffer, side: number): Buffer {
  const header = Buffer.from(png.subarray(16, 29));
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  return withChunk(png, 'IHDR', header);
}

/** The same picture with other data in it, and right checksums. */
function withData(png: Buffer, data: Buffer): Buffer {
  const header = png.subarray(0, 33);
  return Buffer.concat([header, chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function crc32(bytes: Buffer): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}
