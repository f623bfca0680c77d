// A WebSocket byte by byte, for what no library would send (RFC 6455 §5).
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

import { waitFor, within } from './wait.js';

export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits, as one number. */
  readonly rsv?: number;
  readonly isMasked?: boolean;
}

/** One frame of a client. */
export function clientFrame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, fin = true, rsv = 0, isMasked = true } = options;
  const data = Buffer.from(payload);
  const [size = 0, ...extended] = lengthBytes(data.length);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const head = Buffer.from([first, (isMasked ? 0x80 : 0) | size, ...extended]);
  if (!isMasked) return Buffer.concat([head, data]);
  const mask = randomBytes(4);
  const masked = data.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([head, mask, masked]);
}

/** The length of a payload as the second byte of a frame, and those that follow it. */
function lengthBytes(length: number): number[] {
  if (length < 126) return [length];
  const extended = Buffer.alloc(length < 65_536 ? 2 : 8);
  extended.writeUIntBE(length, Math.max(0, extended.length - 6), Math.min(6, extended.length));
  return [length < 65_536 ? 126 : 127, ...extended];
}

/** Lines of a request that becomes a WebSocket; later headers replace the earlier ones, '' leaves one out. */
export function upgradeRequest(
  path = '/v1/ws',
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}: ${value}`],
  );
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** A TCP connection to an app; whatever happens to it is no error of the test. */
export async function openSocket(url: string): Promise<net.Socket> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

export class RawWebSocket {
  /** Of text frames. */
  readonly texts: string[] = [];
  /** Payloads of pongs. */
  readonly pongs: string[] = [];
  /** From the close frame; 1006 when the connection ended without one. */
  closeCode: number | undefined;
  isEnded = false;
  readonly socket: net.Socket;
  #rest: Buffer;

  private constructor(socket: net.Socket, rest: Buffer) {
    this.socket = socket;
    this.#rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('close', () => {
      this.closeCode ??= 1006;
      this.isEnded = true;
    });
    this.#take(rest);
  }

  static async connect(url: string, headers: Record<string, string> = {}): Promise<RawWebSocket> {
    const socket = await openSocket(url);
    socket.write(upgradeRequest('/v1/ws', headers));
    const [answer] = (await within(once(socket, 'data'), 10_000, 'the upgrade')) as [Buffer];
    const end = answer.indexOf('\r\n\r\n') + 4;
    if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) {
      throw new Error(answer.toString('latin1', 0, 200));
    }
    return new RawWebSocket(socket, answer.subarray(end));
  }

  get messages(): Record<string, unknown>[] {
    return this.texts.map((text) => JSON.parse(text) as Record<string, unknown>);
  }

  send(payload: string | Buffer, options?: FrameOptions): void {
    this.socket.write(clientFrame(payload, options));
  }

  command(command: object): void {
    this.send(JSON.stringify(command));
  }

  /** The first message that is an answer; undefined when the connection was closed instead. */
  async answer(): Promise<Record<string, unknown> | undefined> {
    const find = () => this.messages.find(({ op }) => op === 'ok' || op === 'error');
    await waitFor(() => find() !== undefined || this.closeCode !== undefined, 20_000);
    return find();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const frame = readFrame(this.#rest);
      if (frame === undefined) return;
      this.#rest = this.#rest.subarray(frame.end);
      if (frame.opcode === OPCODE.text) this.texts.push(frame.payload.toString());
      if (frame.opcode === OPCODE.pong) this.pongs.push(frame.payload.toString());
      if (frame.opcode === OPCODE.close) {
        this.closeCode = frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE(0);
      }
    }
  }
}

/** The server's frame at the beginning of some bytes, if it is whole. */
function readFrame(
  bytes: Buffer,
): { readonly opcode: number; readonly payload: Buffer; readonly end: number } | undefined {
  if (bytes.length < 2) return undefined;
  const size = (bytes[1] ?? 0) & 127;
  const start = size === 126 ? 4 : size === 127 ? 10 : 2;
  if (bytes.length < start) return undefined;
  const length =
    size === 126 ? bytes.readUInt16BE(2) : size === 127 ? Number(bytes.readBigUInt64BE(2)) : size;
  const end = start + length;
  if (bytes.length < end) return undefined;
  return { opcode: (bytes[0] ?? 0) & 15, payload: bytes.subarray(start, end), end };
}
