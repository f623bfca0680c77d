// Clients that break off in the middle of something, with RST instead of a goodbye.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const UPGRADE =
  'GET /v1/ws HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n';

/** A text frame as clients send it, masked with zeros. */
function frame(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

type Script = (job: string) => readonly (string | Buffer)[];

const subscribe = (job: string) => frame(`{"op":"subscribe","id":1,"job":"${job}"}`);
const stream = (job: string) => `GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: hub\r\n`;

/** What they say before they break off, piece by piece. */
const scripts: Readonly<Record<string, Script>> = {
  'half an upgrade': () => [UPGRADE.slice(0, 60)],
  'an upgrade': () => [UPGRADE],
  'an upgrade and a subscription': (job) => [UPGRADE, subscribe(job)],
  'an upgrade and half a frame': (job) => [UPGRADE, subscribe(job).subarray(0, 20)],
  'frames without an upgrade': (job) => [subscribe(job)],
  'an upgrade to something else': (job) => [
    `${stream(job)}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
  ],
  'half a request': (job) => [stream(job)],
  'a stream': (job) => [`${stream(job)}\r\n`],
  'a stream and another behind it': (job) => [`${stream(job)}\r\n${stream(job)}\r\n`],
  'a submission without its body': () => [
    'POST /v1/models/pace/stream HTTP/1.1\r\nHost: hub\r\nContent-Length: 50\r\n\r\n{"steps":',
  ],
};

/** One of each, `times` over; each breaks off at a moment within `maxMs` of its last word. */
export async function beRude(
  gateway: string,
  job: string,
  options: { readonly times: number; readonly maxMs: number; readonly random: () => number },
): Promise<void> {
  const { times, maxMs, random } = options;
  const all = Object.values(scripts).flatMap((script) =>
    Array.from({ length: times }, () => script),
  );
  const moments = all.map(() => random() * maxMs);
  await Promise.all(
    all.map((script, index) => breakOff(gateway, script(job), moments[index] ?? 0)),
  );
}

async function breakOff(
  gateway: string,
  words: readonly (string | Buffer)[],
  afterMs: number,
): Promise<void> {
  const { hostname, port } = new URL(gateway);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  // The hub may be first to hang up.
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  for (const word of words) socket.write(word);
  await delay(afterMs);
  socket.resetAndDestroy();
}
