import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const guardFile = fileURLToPath(new URL('./child-guard.mjs', import.meta.url));

/**
 * @typedef {object} GuardedChild
 * @property {number} pid the process id of the command itself
 * @property {Promise<number>} exited its exit code, 128 + n after signal n; never rejects
 * @property {() => string} output what it wrote, with `keepOutput`
 * @property {(signal: NodeJS.Signals) => Promise<number>} stop passes the signal on and waits; kills after `graceMs`
 * @property {() => void} kill kills it and all of its process group at once
 */

/**
 * Starts a command that cannot outlive this process, even if this process is killed. It runs in its
 * own process group, so that Ctrl-C reaches this process only, which decides the order of stopping.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ graceMs: number, env?: NodeJS.ProcessEnv, cwd?: string, keepOutput?: boolean }} options
 * @returns {Promise<GuardedChild>}
 */
export async function startGuardedChild(command, args, { graceMs, env, cwd, keepOutput = false }) {
  const out = keepOutput ? 'pipe' : 'inherit';
  const guard = spawn(process.execPath, [guardFile, JSON.stringify({ command, args, graceMs })], {
    cwd,
    env: env ?? process.env,
    detached: true,
    stdio: ['ignore', out, out, 'ipc'],
  });

  let output = '';
  for (const stream of [guard.stdout, guard.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const killGroup = () => {
    try {
      if (guard.pid !== undefined) process.kill(-guard.pid, 'SIGKILL');
    } catch {
      // ESRCH: the whole group has ended.
    }
  };
  /** @type {Promise<number>} */
  const exited = new Promise((resolve) => {
    guard.once('error', () => resolve(127));
    // What is left of the group would hold the pipes open; 'close' comes when all output is read.
    guard.once('exit', killGroup);
    guard.once('close', (code) => resolve(code ?? 137));
  });

  const pid = await new Promise((resolve, reject) => {
    guard.once('message', (/** @type {{ pid?: number, error?: string }} */ message) =>
      message.pid === undefined ? reject(new Error(message.error)) : resolve(message.pid),
    );
    void exited.then((code) => reject(new Error(`${command} did not start (exit code ${code})`)));
  });
  return {
    pid,
    exited,
    output: () => output,
    kill: killGroup,
    stop(signal) {
      // No callback would mean an 'error' event when the guard has just ended.
      if (guard.connected) guard.send({ signal }, () => undefined);
      return exited;
    },
  };
}
