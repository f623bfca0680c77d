import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { tryLock } from './folder-lock.mjs';
import { isRunning, parseProcessRecord, recordProcess } from './process-identity.mjs';
import { Stop } from './stop.mjs';

const maxFolders = 9;
const orphanGraceMs = 15_000;

/**
 * @typedef {object} DataFolder
 * @property {string} path
 * @property {(pid: number) => Promise<void>} recordServer notes the server that now uses the folder
 * @property {() => Promise<void>} release
 */

/**
 * Claims the first data folder that no other hub of this clone uses: `redis`, else `redis-2` and so
 * on, because two servers on one append-only file destroy it.
 * @param {string} parent
 * @returns {Promise<DataFolder>}
 */
export async function claimDataFolder(parent) {
  for (let n = 1; n <= maxFolders; n += 1) {
    const folder = path.join(parent, n === 1 ? 'redis' : `redis-${n}`);
    const { held } = await tryLock(`${folder}.lock`);
    if (!held) continue;
    await mkdir(folder, { recursive: true });
    const serverFile = path.join(folder, 'server.json');
    await stopOrphan(serverFile);
    return {
      path: folder,
      recordServer: async (pid) => writeFile(serverFile, JSON.stringify(await recordProcess(pid))),
      async release() {
        await rm(serverFile, { force: true });
        await held.release();
      },
    };
  }
  throw new Stop(
    `${maxFolders} hubs of this clone are running. End one, or give each its own REDIS_URL.`,
  );
}

/**
 * Ends the server that a killed hub left in the folder. It is known by pid and start time, so that
 * nothing else is ever ended.
 * @param {string} serverFile
 */
async function stopOrphan(serverFile) {
  const server = parseProcessRecord(await readFile(serverFile, 'utf8').catch(() => ''));
  if (!server) return;
  const killAt = Date.now() + orphanGraceMs;
  for (let signal = 'SIGTERM'; await isRunning(server); await sleep(100)) {
    if (Date.now() > killAt) signal = 'SIGKILL';
    try {
      process.kill(server.pid, signal);
    } catch {
      // It ended between the two lines.
    }
  }
}
