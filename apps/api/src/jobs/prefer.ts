/** How long `run` waits when the caller does not say, and at most. */
export const DEFAULT_WAIT_SECONDS = 60;
export const MAX_WAIT_SECONDS = 300;

/**
 * Seconds of `Prefer: wait=n` (RFC 7240). A preference cannot be wrong: what is not understood is
 * ignored, and more than the limit counts as the limit.
 */
export function parseWaitSeconds(prefer: string | string[] | undefined): number {
  const text = [prefer].flat().join(',');
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?(?:$|[,;\s])/i.exec(text)?.[1];
  return seconds === undefined ? DEFAULT_WAIT_SECONDS : Math.min(Number(seconds), MAX_WAIT_SECONDS);
}
