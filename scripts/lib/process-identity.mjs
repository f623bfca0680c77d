import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * What tells a process from a later one that was given the same pid: its start time.
 * @param {number} pid
 * @returns {Promise<string | undefined>} undefined when no such process runs
 */
export async function readProcessIdentity(pid) {
  if (process.platform === 'linux') return (await readStat(pid))?.startTime;
  return ps(pid, 'lstart=');
}

/**
 * @param {number} pid
 * @returns {Promise<{ ppid: number, command: string } | undefined>} the parent and the name of a process
 */
export async function readParent(pid) {
  if (process.platform === 'linux') return readStat(pid);
  const [ppid, command] = (await ps(pid, 'ppid=,comm='))?.split(/ +(.*)/) ?? [];
  return command ? { ppid: Number(ppid), command } : undefined;
}

/**
 * Of the fields of /proc/<pid>/stat, 2 is the command in parentheses, 3 the state, 4 the parent and
 * 22 the start time in ticks since boot. The command may hold blanks and parentheses itself, so
 * counting begins behind the last one. A zombie runs no longer.
 * @param {string} stat
 */
export function parseStat(stat) {
  const commandEnd = stat.lastIndexOf(')');
  const fields = stat.slice(commandEnd + 2).split(' ');
  const [state, ppid, startTime] = [fields[0], fields[1], fields[19]];
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
  return { ppid: Number(ppid), command: stat.slice(stat.indexOf('(') + 1, commandEnd), startTime };
}

/** @param {number} pid */
async function readStat(pid) {
  return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

/**
 * @param {number} pid
 * @param {string} fields
 */
async function ps(pid, fields) {
  const result = await promisify(execFile)('ps', ['-p', String(pid), '-o', fields]).catch(
    () => undefined,
  );
  return result?.stdout.trim() || undefined;
}

/**
 * @typedef {{ pid: number, identity: string }} ProcessRecord what a file says of a process
 */

/**
 * @param {number} pid
 * @returns {Promise<ProcessRecord>}
 */
export async function recordProcess(pid) {
  return { pid, identity: (await readProcessIdentity(pid)) ?? 'unknown' };
}

/** @param {ProcessRecord} record */
export async function isRunning(record) {
  return (await readProcessIdentity(record.pid)) === record.identity;
}

/**
 * @param {string} text
 * @returns {ProcessRecord | undefined} undefined for anything that is not such a record
 */
export function parseProcessRecord(text) {
  try {
    const { pid, identity } = JSON.parse(text);
    return Number.isInteger(pid) && typeof identity === 'string' ? { pid, identity } : undefined;
  } catch {
    return undefined;
  }
}
