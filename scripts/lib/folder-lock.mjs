/**
 * A lock between processes: a folder that holds one file, which names its owner.
 *
 * I1 The folder never exists without its owner's file: it is made aside and renamed into place, and
 *    a rename onto a folder that is not empty fails.
 * I2 A dead owner's lock is taken over by removing that owner's file, whose name no other owner has,
 *    and renaming onto the folder that is now empty. Of several who try, one rename succeeds.
 *
 * It does not work across machines, nor across containers that share the folder but not their pids.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isRunning, parseProcessRecord, recordProcess } from './process-identity.mjs';
import { Stop } from './stop.mjs';

const pollMs = 100;

/**
 * @typedef {{ release(): Promise<void> }} HeldLock
 * @typedef {{ held: HeldLock, ownerPid?: undefined } | { held?: undefined, ownerPid: number }} Attempt
 */

/**
 * Runs the work while this process holds the lock; waits for a live owner until the deadline.
 * @template T
 * @param {{ folder: string, deadlineMs: number, onWait?: (ownerPid: number) => void }} lock
 * @param {() => Promise<T>} work
 */
export async function withLock({ folder, deadlineMs, onWait }, work) {
  const giveUpAt = Date.now() + deadlineMs;
  let isWaiting = false;
  for (;;) {
    const { held, ownerPid } = await tryLock(folder);
    if (held) return await work().finally(() => held.release());
    if (Date.now() > giveUpAt) {
      throw new Stop(
        `Waited ${deadlineMs / 1000} s for process ${ownerPid}, which holds ${folder}. ` +
          'If it hangs, end it and run the same command again.',
      );
    }
    if (!isWaiting) onWait?.(ownerPid);
    isWaiting = true;
    await sleep(pollMs);
  }
}

/**
 * @param {string} folder
 * @returns {Promise<Attempt>}
 */
export async function tryLock(folder) {
  await mkdir(path.dirname(folder), { recursive: true });
  for (;;) {
    const held = await claim(folder);
    if (held) return { held };
    const ownerPid = await removeDeadOwner(folder);
    if (ownerPid !== undefined) return { ownerPid };
  }
}

/**
 * @param {string} folder
 * @returns {Promise<HeldLock | undefined>}
 */
async function claim(folder) {
  const token = randomUUID();
  const aside = `${folder}.${token}`;
  await mkdir(aside);
  await writeFile(path.join(aside, token), JSON.stringify(await recordProcess(process.pid)));
  try {
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return undefined;
    throw error;
  }
  return {
    async release() {
      await unlink(path.join(folder, token)).catch(ignore('ENOENT'));
      await rmdir(folder).catch(ignore('ENOENT', 'ENOTEMPTY', 'EEXIST'));
    },
  };
}

/**
 * @param {string} folder
 * @returns {Promise<number | undefined>} the pid of a live owner, or undefined when the lock is free now
 */
async function removeDeadOwner(folder) {
  const [token] = await readdir(folder).catch(() => []);
  if (token === undefined) return undefined;
  const file = path.join(folder, token);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const owner = parseProcessRecord(text);
  if (owner && (await isRunning(owner))) return owner.pid;
  await unlink(file).catch(ignore('ENOENT'));
  return undefined;
}

/** @param {string[]} codes */
function ignore(...codes) {
  return (/** @type {unknown} */ error) => {
    if (!isCode(error, ...codes)) throw error;
  };
}

/**
 * @param {unknown} error
 * @param {string[]} codes
 */
function isCode(error, ...codes) {
  // Not `instanceof`: jest runs tests in a realm of their own, where Node's errors are of another class.
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    codes.includes(String(error.code))
  );
}
