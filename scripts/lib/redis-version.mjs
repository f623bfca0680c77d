/** The oldest server whose scripts, streams and pub/sub behave as the hub needs them. */
export const requiredServers = 'Redis 7.0 or newer, or Valkey 8 or newer';

/**
 * Reads what `redis-server --version` or `valkey-server --version` prints.
 * @param {string} output
 * @returns {{ product: string, version: string } | undefined}
 */
export function parseServerVersion(output) {
  const match = /^(Redis|Valkey) server v=(\d+\.\d+\.\d+)/im.exec(output);
  return match?.[1] && match[2] ? { product: match[1], version: match[2] } : undefined;
}

/**
 * Valkey's first release was 7.2, which behaves as Redis 7.2: one bound serves both.
 * @param {string} version
 */
export function isServerVersionSupported(version) {
  return Number(version.split('.')[0]) >= 7;
}
