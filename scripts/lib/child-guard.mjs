/**
 * Runs one command as its child and never leaves it alone: started by guarded-child.mjs in a process
 * group of its own, with an IPC channel to the command that wants it.
 *
 * - A message `{signal}` is passed on to the child; so is a signal that the guard itself gets.
 * - When the channel closes, the parent is dead, perhaps by `kill -9`: the child gets SIGTERM.
 * - A child that has not ended `graceMs` after either is killed, with all of its group.
 * - When the child ends, the guard ends with the same exit code (128 + n after signal n).
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers';

const { command, args, graceMs } = JSON.parse(process.argv[2] ?? '{}');
const child = spawn(command, args, { stdio: 'inherit' });
let isOrphan = false;
let isStopping = false;

function stop(/** @type {NodeJS.Signals} */ signal) {
  child.kill(signal);
  if (isStopping) return;
  isStopping = true;
  setTimeout(killGroup, graceMs);
}

function killGroup() {
  process.kill(-process.pid, 'SIGKILL');
}

child.once('spawn', () => report({ pid: child.pid }));
child.once('error', (error) => {
  report({ error: error.message });
  process.exit(127);
});
child.once('exit', (code, signal) => {
  if (isOrphan) killGroup();
  process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0));
});
process.on('message', (/** @type {{ signal: NodeJS.Signals }} */ message) => stop(message.signal));
process.on('disconnect', () => {
  isOrphan = true;
  stop('SIGTERM');
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => stop(signal));
}

function report(/** @type {object} */ message) {
  // The parent may have died between two turns; 'disconnect' says so by itself.
  process.send?.(message, () => undefined);
}
