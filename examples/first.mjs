// Submits a job over WebSocket and prints its text as it is written. Needs a running hub: npm start.
import { WebSocket } from 'ws';

const ws = new WebSocket(process.env.HUB ?? 'ws://127.0.0.1:3000/v1/ws');
ws.on('open', () => {
  ws.send(
    JSON.stringify({
      op: 'submit',
      id: 1,
      model: 'writer',
      input: { prompt: 'The fox', maxTokens: 40 },
    }),
  );
});
ws.on('message', (text) => {
  const { op, type, data } = JSON.parse(text);
  if (op === 'event' && type === 'token') process.stdout.write(data.text);
  if (op === 'event' && type === 'completed') ws.close();
});
