// A worker that is about to be killed: starts a host on a model that never gives the event loop back,
// and says its pid.
import { fork } from 'node:child_process';

const [file, modelsDirectory] = process.argv.slice(2);
const host = fork(file, [], { execArgv: [] });
host.on('message', (messages) => {
  const kinds = messages.map(({ kind }) => kind);
  if (kinds.includes('ready')) {
    host.send([{ kind: 'run', job: 'job', attempt: 1, model: 'stubborn', input: '{}' }]);
  }
  if (kinds.includes('event')) process.send({ pid: host.pid });
});
host.send([{ kind: 'init', modelsDirectory, providers: ['cpu'], threads: 1, maxBatchSize: 0 }]);
