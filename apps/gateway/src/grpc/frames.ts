/**
 * What the encoders of gRPC write for calls to take apart: whole messages, and beside them what is no
 * message. A chunk is shared by all calls that watch one job; each call sends its messages one by one.
 *
 * Frame: kind (1 byte), length (4 bytes, big-endian), payload.
 */
export type Frame =
  /** One encoded message of the method. */
  | { readonly kind: 'message'; readonly payload: Uint8Array }
  /** JSON of the `failed` or `cancelled` event, which becomes the status of the call. */
  | { readonly kind: 'end'; readonly payload: Uint8Array }
  /** The position behind the frames of the chunk. */
  | { readonly kind: 'position'; readonly payload: Uint8Array };

const KINDS = ['message', 'end', 'position'] as const satisfies readonly Frame['kind'][];

const HEAD_BYTES = 5;

export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  const parts = frames.flatMap(({ kind, payload }) => {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(KINDS.indexOf(kind), 0);
    head.writeUInt32BE(payload.byteLength, 1);
    return [head, payload];
  });
  return Buffer.concat(parts);
}

export function decodeFrames(chunk: Uint8Array): Frame[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const kind = KINDS[bytes.readUInt8(at)];
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 1);
    if (kind === undefined || end > bytes.length) throw new TypeError('not a chunk of frames');
    frames.push({ kind, payload: bytes.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return frames;
}
