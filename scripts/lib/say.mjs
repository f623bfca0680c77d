import { performance } from 'node:perf_hooks';

/**
 * One line for a piece of work: what it is when it begins, how long it took when it ends.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @param {(result: T) => string} [describe]
 */
export async function timed(what, work, describe) {
  process.stdout.write(`${what} … `);
  const startedAt = performance.now();
  try {
    const result = await work();
    const description = describe ? ` (${describe(result)})` : '';
    process.stdout.write(`${formatSeconds(performance.now() - startedAt)}${description}\n`);
    return result;
  } catch (error) {
    process.stdout.write('failed\n');
    throw error;
  }
}

/** @param {number} ms */
export function formatSeconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}
