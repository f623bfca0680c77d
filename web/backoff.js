const FIRST_MS = 500;
const MAX_MS = 15_000;

/**
 * How long to wait before a further attempt: doubling, with half of it by chance, so that the viewers
 * of a hub that restarts do not all come back at the same moment.
 * @param {number} attempt 0 for the first one
 */
export function backoffMs(attempt) {
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** attempt);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
