/** A model host: forked by a worker, and of no use without one. */
import { HostProcess } from './host-process.js';
import { hostCommandsSchema, type HostMessage } from './host-protocol.js';
import { Outgoing } from './outgoing.js';
import { watchForOrphan } from './orphan-watch.js';

const send = process.send?.bind(process);
if (send === undefined) {
  console.error('This is a model host; it is started by a worker (npm run start:worker).');
  process.exit(1);
}

// Ctrl-C reaches the whole group of the terminal: the worker decides when a host ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(0));
watchForOrphan();

const outgoing = new Outgoing<HostMessage>((messages) => {
  // A closed channel means that the worker is gone; `disconnect` follows.
  if (process.connected) send(messages, undefined, undefined, () => undefined);
}, queueMicrotask);

const host = new HostProcess((message) => {
  outgoing.push(message);
});

process.on('message', (message) => {
  for (const command of hostCommandsSchema.parse(message)) {
    host.handle(command).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
});
