import type { Encoder } from '@stepcast/hub';
import { messages } from '@stepcast/protocol';

const FIN_TEXT = 0x81;

/**
 * One unmasked text frame of a server (RFC 6455 §5.2), header and payload in one buffer, so that one
 * frame serves every viewer and costs one write.
 */
export function encodeTextFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = FIN_TEXT;
  if (headerLength === 2) {
    frame[1] = length;
  } else if (headerLength === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, headerLength);
  return frame;
}

/** WebSocket frames, one message each (docs/protocol.md §6). Shared by all connections. */
export const wsEncoder: Encoder = {
  events: (_epoch, entries) =>
    joinChunks(entries.map((entry) => encodeTextFrame(messages.event(entry.json)))),
  reset: (message) => encodeTextFrame(messages.reset(message)),
  snapshot: (message) => encodeTextFrame(messages.snapshot(message)),
};

function joinChunks(chunks: Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
