import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { stateDir } from './paths.mjs';
import { isRunning, parseProcessRecord, recordProcess } from './process-identity.mjs';

const folder = path.join(stateDir, 'running');

/** Notes that this process runs code of the clone, until it ends. */
export async function registerCommand() {
  await mkdir(folder, { recursive: true });
  // So that the notes of commands that were killed do not pile up.
  await findRunningCommands();
  await writeFile(
    path.join(folder, String(process.pid)),
    JSON.stringify(await recordProcess(process.pid)),
  );
}

/**
 * The other commands that run code of the clone now; forgets those that have ended.
 * @returns {Promise<number[]>} their pids
 */
export async function findRunningCommands() {
  const pids = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    const record = parseProcessRecord(await readFile(file, 'utf8').catch(() => ''));
    if (!record || !(await isRunning(record))) await rm(file, { force: true });
    else if (record.pid !== process.pid) pids.push(record.pid);
  }
  return pids;
}
