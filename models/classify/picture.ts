import { inflateSync } from 'node:zlib';

import { PNG } from 'pngjs';

/** Width and height of every picture, in pixels. */
export const SIDE = 64;

/** Numbers of one picture: planes of red, green and blue. */
export const PICTURE_SIZE = 3 * SIDE * SIDE;

/** A picture that cannot be read; the message continues "The image …". */
export class PictureError extends Error {}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The signature of a PNG and IHDR, which is always the first chunk, in bytes. */
const HEADER_BYTES = 33;

/** Length, in bytes, and type of the first chunk. */
const HEADER_START = Buffer.from('\0\0\0\rIHDR', 'latin1');

/** What a chunk has beside its data, in bytes: length and type before it, a checksum behind it. */
const CHUNK_BYTES = 12;

/** What the pixels are made of, and the end. */
const PIXEL_CHUNKS: ReadonlySet<string> = new Set(['PLTE', 'tRNS', 'IDAT', 'IEND']);

/** Numbers per pixel for each type of colour: grey, coloured, palette, grey and coloured with opacity. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Reads a PNG in a data URL: grey, coloured or with a palette, of any depth. What is transparent
 * shows white.
 * @returns planes of red, green and blue from 0 to 1, [3, SIDE, SIDE]
 * @throws {PictureError} when it is no PNG, of another size, interlaced or damaged
 */
export function readPicture(url: string): Float32Array {
  const png = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
  assertHeader(png);
  return toPlanes(decode(png));
}

/** Looks before anything is unpacked, so that a small file cannot become a large picture. */
function assertHeader(png: Buffer): void {
  const start = Buffer.concat([SIGNATURE, HEADER_START]);
  if (png.length < HEADER_BYTES || !png.subarray(0, start.length).equals(start)) {
    throw new PictureError('is not a PNG');
  }
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (width !== SIDE || height !== SIDE) {
    throw new PictureError(`is ${width} x ${height} pixels; it must be ${SIDE} x ${SIDE}`);
  }
  if (png[28] !== 0) throw new PictureError('is an interlaced PNG; save it without interlacing');
}

/** Bytes of red, green, blue and opacity, pixel by pixel. */
function decode(png: Buffer): Uint8Array {
  try {
    const chunks = readChunks(png);
    assertData(png, chunks);
    // Of the file the decoder gets only what was looked at: one header, and what the pixels are made of.
    const header = png.subarray(0, HEADER_BYTES);
    return PNG.sync.read(Buffer.concat([header, ...chunks.map(({ bytes }) => bytes)])).data;
  } catch (cause) {
    throw new PictureError('is a damaged PNG: cut off, or changed on its way', { cause });
  }
}

interface Chunk {
  readonly type: string;
  /** With its length, type and checksum. */
  readonly bytes: Buffer;
}

/**
 * The chunks behind the header that say what the pixels are, to the first end. A second header is refused: the
 * decoder would obey it, and its size is none that {@link assertHeader} has seen.
 */
function readChunks(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = HEADER_BYTES; ;) {
    const end = at + CHUNK_BYTES + png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    if (end > png.length) throw new RangeError(`${type} ends behind the file`);
    if (PIXEL_CHUNKS.has(type)) chunks.push({ type, bytes: png.subarray(at, end) });
    else if (!isAncillary(type)) throw new TypeError(`${type} has no place behind the header`);
    if (type === 'IEND') return chunks;
    at = end;
  }
}

/** A small first letter: whoever does not know the chunk may pass over it. */
function isAncillary(type: string): boolean {
  return /^[a-z]/.test(type);
}

/**
 * Unpacks the data to see that it has the size of the picture, and stops when there is more. The decoder must
 * not be given less: pngjs 7 takes what zlib left unwritten in its buffer, old memory, for pixels.
 */
function assertData(png: Buffer, chunks: readonly Chunk[]): void {
  const parts = chunks
    .filter(({ type }) => type === 'IDAT')
    .map(({ bytes }) => bytes.subarray(8, -4));
  const [depth = 0, colourType = 0] = png.subarray(24);
  const rowBytes = 1 + Math.ceil((SIDE * depth * (CHANNELS[colourType] ?? 0)) / 8);
  const { length } = inflateSync(Buffer.concat(parts), { maxOutputLength: rowBytes * SIDE });
  if (length !== rowBytes * SIDE) throw new RangeError(`${length} bytes for ${SIDE} rows`);
}

function toPlanes(pixels: Uint8Array): Float32Array {
  const size = SIDE * SIDE;
  const planes = new Float32Array(PICTURE_SIZE);
  for (let index = 0; index < size; index++) {
    const opacity = (pixels[index * 4 + 3] ?? 0) / 255;
    for (let channel = 0; channel < 3; channel++) {
      const value = (pixels[index * 4 + channel] ?? 0) / 255;
      planes[channel * size + index] = value * opacity + 1 - opacity;
    }
  }
  return planes;
}
