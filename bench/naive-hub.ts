// What one writes first: a Redis subscriber, JSON.parse, and ws.send(JSON.stringify()) per viewer. The
// foot of the ladder in bench/fanout.bench.ts. Arguments: Redis URL.
import { Redis } from 'ioredis';
import { WebSocketServer, type WebSocket } from 'ws';

const redis = new Redis(process.argv[2] ?? '');
const viewers = new Map<string, Set<WebSocket>>();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });

server.on('connection', (ws) => {
  ws.once('message', (data: Buffer) => {
    const { job } = JSON.parse(data.toString()) as { job: string };
    const known = viewers.get(job) ?? new Set();
    viewers.set(job, known.add(ws));
    void redis.subscribe(`naive:${job}`).then(() => {
      ws.send('{"op":"ok"}');
    });
  });
});
redis.on('message', (channel: string, text: string) => {
  const event = JSON.parse(text) as object;
  for (const ws of viewers.get(channel.slice(6)) ?? []) {
    ws.send(JSON.stringify({ op: 'event', ...event }));
  }
});
server.on('listening', () => {
  process.send?.((server.address() as { port: number }).port);
});
