import { readFileSync } from 'node:fs';
import type { Edge } from './edge.js';
import { EXIT } from './cli-error.js';
import { runProgram } from './program.js';

/** npm passes on a Ctrl-C that the terminal has sent here already: within so many milliseconds it is one. */
const SAME_PRESS_MS = 500;

const edge: Edge = {
  version: readVersion(),
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted,
};

// Whoever reads the output may leave (`| head`); what cannot be written is not an error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.listenerCount('SIGINT') === 0) process.exit(EXIT.ok);
  process.emit('SIGINT');
});
process.exitCode = await runProgram(edge, process.argv.slice(2));

function interrupted(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  const stop = (): void => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      firstAt = now;
      controller.abort();
    } else if (now - firstAt > SAME_PRESS_MS) {
      process.exit(EXIT.cancelled);
    }
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

function readVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
