import { findOnPath, runCommand } from './command.mjs';
import { installRedis } from './install-redis.mjs';
import { isServerVersionSupported, parseServerVersion, requiredServers } from './redis-version.mjs';
import { Stop } from './stop.mjs';

/** @typedef {{ path: string, product: string, version: string }} RedisBinary */

/**
 * The server binary of this machine; installs one if there is none.
 * @returns {Promise<RedisBinary>}
 */
export async function ensureRedisBinary() {
  const found = await findServers();
  if (found.length === 0) {
    await installRedis();
    found.push(...(await findServers()));
  }
  return chooseServer(found);
}

/**
 * @param {readonly RedisBinary[]} found
 * @returns {RedisBinary}
 */
export function chooseServer(found) {
  const chosen = found.find(({ version }) => isServerVersionSupported(version));
  if (chosen) return chosen;
  const seen = found.map((server) => `${server.product} ${server.version} (${server.path})`);
  throw new Stop(
    `Stepcast needs ${requiredServers}; this machine has ${seen.join(', ') || 'none on the PATH'}. ` +
      'Put a newer one on the PATH, or name a running one: REDIS_URL=redis://host:6379 npm start',
  );
}

async function findServers() {
  const servers = [];
  for (const name of ['redis-server', 'valkey-server']) {
    const path = findOnPath(name);
    if (!path) continue;
    const parsed = parseServerVersion((await runCommand(path, ['--version'])).output);
    if (parsed) servers.push({ path, ...parsed });
  }
  return servers;
}
