import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { claimDataFolder } from './data-folder.mjs';
import { rootDir, stateDir } from './paths.mjs';
import { ensureRedisBinary } from './redis-binary.mjs';
import { persistentArgs, startRedisServer } from './redis-server.mjs';
import { timed } from './say.mjs';

const maxQuickEnds = 3;
const quickMs = 5000;

/**
 * @typedef {object} OpenRedis
 * @property {string} url
 * @property {Promise<string>} lost resolves, with the reason, when there is no Redis any more
 * @property {() => Promise<void>} close
 */

/**
 * Starts the hub's own Redis with its data in the clone. A server that ends by itself is started
 * again on the same port and data, and the hub reconnects; one that keeps ending is given up.
 * @returns {Promise<OpenRedis>}
 */
export async function openOwnRedis() {
  const binary = await ensureRedisBinary();
  const folder = await claimDataFolder(stateDir);
  const start = async (/** @type {number | undefined} */ port) => {
    const server = await startRedisServer({
      binary: binary.path,
      dataDir: folder.path,
      port,
      args: persistentArgs,
    });
    await folder.recordServer(server.pid);
    return server;
  };

  let running = timed(
    `starting ${binary.product} ${binary.version}`,
    () => start(undefined),
    ({ port }) => `on 127.0.0.1:${port}, data in ${path.relative(rootDir, folder.path)}/`,
  );
  const { url, port } = await running;
  let isClosing = false;

  const supervise = async () => {
    let quickEnds = 0;
    for (;;) {
      const startedAt = Date.now();
      const code = await (await running).exited;
      if (isClosing) return new Promise(() => undefined);
      quickEnds = Date.now() - startedAt < quickMs ? quickEnds + 1 : 0;
      if (quickEnds >= maxQuickEnds) return `${binary.product} keeps ending (exit code ${code})`;
      console.log(`${binary.product} ended (exit code ${code}); starting it again`);
      await sleep(quickEnds * 500);
      running = start(port);
    }
  };
  const lost = supervise().catch((error) => String(error.message));
  return {
    url,
    lost,
    async close() {
      isClosing = true;
      const server = await running.catch(() => undefined);
      await server?.stop();
      await folder.release();
    },
  };
}
