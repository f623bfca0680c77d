// A process of healthy viewers for the benchmark of slow ones: raw sockets that look for the time in each
// marked event and keep how long ago that was. Arguments: port, connections, job. Messages: 'measure'
// begins anew, 'report' answers with the delays in ms.
import { once } from 'node:events';
import { OPCODE, clientFrame, openSocket, upgradeRequest } from '../test/support/raw-websocket.js';

const [port, count, job] = process.argv.slice(2);
const url = `http://127.0.0.1:${port ?? ''}`;
const MARK = Buffer.from('"t":');
let delays: number[] = [];

/** Times in a chunk of the stream; one that is cut by the end of the chunk is left out. */
function take(chunk: Buffer): void {
  const now = performance.timeOrigin + performance.now();
  for (let at = chunk.indexOf(MARK); at !== -1; at = chunk.indexOf(MARK, at + 4)) {
    const end = chunk.indexOf(',', at);
    if (end !== -1) delays.push(now - Number(chunk.toString('latin1', at + 4, end)));
  }
}

async function connect(): Promise<void> {
  const socket = await openSocket(url);
  socket.setNoDelay(true);
  socket.write(upgradeRequest());
  await once(socket, 'data');
  socket.write(
    clientFrame(JSON.stringify({ op: 'subscribe', id: 1, job, from: 'now', hold: false })),
  );
  await once(socket, 'data');
  socket.on('data', (chunk: Buffer) => {
    take(chunk);
    // Answers to pings, or the hub would close: they are the only short frames of the stream.
    if (chunk.length < 128 && (chunk[0] ?? 0) === (0x80 | OPCODE.ping)) {
      socket.write(clientFrame('', { opcode: OPCODE.pong }));
    }
  });
}

process.on('message', (message) => {
  if (message === 'report') process.send?.(delays);
  delays = [];
});
await Promise.all(Array.from({ length: Number(count) }, connect));
process.send?.('ready');
