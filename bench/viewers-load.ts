// A process of viewers for the fan-out benchmark: raw sockets that speak just enough WebSocket, count
// frames and keep nothing. Arguments: port, path, connections, JSON list of jobs, events to wait for.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

const [port, path, count, jobsJson, expected] = process.argv.slice(2);
const jobs = JSON.parse(jobsJson ?? '[]') as string[];

/** A masked text frame of a client, shorter than 64 KiB (RFC 6455 §5.2). */
function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255]);
  const mask = randomBytes(4);
  return Buffer.concat([header, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** Counts the frames of a server's stream, whatever the cuts between chunks. */
class FrameCounter {
  frames = 0;
  #skip = 0;
  #head = Buffer.alloc(0);

  take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      const head =
        this.#head.length > 0
          ? Buffer.concat([this.#head, chunk.subarray(at)])
          : chunk.subarray(at);
      const size = frameSize(head);
      if (size === undefined) {
        this.#head = Buffer.from(head);
        return;
      }
      at -= this.#head.length;
      this.#head = Buffer.alloc(0);
      this.#skip = size;
      // Events only: pings and the answer to the subscription are not deliveries.
      if ((head[0] ?? 0) === 0x81) this.frames++;
      if (at < 0) {
        this.#skip += at;
        at = 0;
      }
    }
  }
}

/** Header and payload of the frame that begins here; undefined when its header is not whole. */
function frameSize(head: Buffer): number | undefined {
  if (head.length < 2) return undefined;
  const length = (head[1] ?? 0) & 127;
  if (length < 126) return 2 + length;
  if (length === 126) return head.length < 4 ? undefined : 4 + head.readUInt16BE(2);
  return head.length < 10 ? undefined : 10 + Number(head.readBigUInt64BE(2));
}

const waitFor = Number(expected);
let whole = 0;

async function connect(job: string): Promise<void> {
  const socket = net.connect(Number(port), '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  socket.write(
    `GET ${path ?? '/'} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  );
  await once(socket, 'data');
  socket.write(
    clientFrame(JSON.stringify({ op: 'subscribe', id: 1, job, from: 'now', hold: false })),
  );
  await once(socket, 'data');
  const counter = new FrameCounter();
  let isWhole = false;
  socket.on('data', (chunk: Buffer) => {
    counter.take(chunk);
    if (isWhole || counter.frames < waitFor) return;
    isWhole = true;
    if (++whole === Number(count)) process.send?.('whole');
  });
}

for (let index = 0; index < Number(count); index += 50) {
  const batch = Array.from({ length: Math.min(50, Number(count) - index) }, (_, i) => index + i);
  await Promise.all(batch.map((i) => connect(jobs[i % jobs.length] ?? '')));
}
process.send?.('ready');
