import { clearInterval, setInterval } from 'node:timers';

import { readParent } from './process-identity.mjs';

const parentPollMs = 1000;

/**
 * Waits for what asks this process to end: a signal, or the end of the npm that started it.
 * @returns {{ requested: Promise<string>, insisted: Promise<void> }} the first such thing, and a second signal
 */
export function listenForStop() {
  /** @type {(reason: string) => void} */
  let request = () => undefined;
  /** @type {() => void} */
  let insist = () => undefined;
  /** @type {Promise<string>} */
  const requested = new Promise((resolve) => (request = resolve));
  /** @type {Promise<void>} */
  const insisted = new Promise((resolve) => (insist = resolve));

  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      count += 1;
      if (count === 1) request(signal);
      else insist();
    });
  }
  void onEndOfNpm(() => request('the end of npm'));
  return { requested, insisted };
}

/**
 * Calls back when the npm that runs this script has ended, as after `kill -9`: someone who kills
 * `npm start` means the hub, and npm can no longer pass that on.
 * @param {() => void} callback
 */
export async function onEndOfNpm(callback) {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = await readParent(process.ppid);
  // npm runs scripts through a shell, which some shells replace by the script's own process.
  const npmPid = parent && /sh$/.test(parent.command) ? parent.ppid : process.ppid;
  const shellPid = process.ppid;
  const poll = setInterval(() => {
    if (process.ppid === shellPid && isAlive(npmPid)) return;
    clearInterval(poll);
    callback();
  }, parentPollMs);
  poll.unref();
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
