#!/usr/bin/env node
// npm run start:api, start:gateway, start:worker: one process of a kind, against REDIS_URL.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { checkRedis } from './lib/open-redis.mjs';
import { rootDir } from './lib/paths.mjs';
import { setUp } from './lib/setup.mjs';
import { onEndOfNpm } from './lib/stop-request.mjs';
import { runMain, Stop } from './lib/stop.mjs';

const apps = ['api', 'gateway', 'worker'];

await runMain(async () => {
  const app = process.argv[2] ?? '';
  if (!apps.includes(app)) {
    throw new Stop(`Say which app: ${apps.map((name) => `npm run start:${name}`).join(', ')}`);
  }
  const redisUrl = process.env['REDIS_URL'];
  if (!redisUrl) {
    throw new Stop(
      `One app alone needs a Redis that it shares with the others. Type:\n` +
        `  REDIS_URL=redis://127.0.0.1:6379 npm run start:${app}\n` +
        'or start everything, with a Redis of its own: npm start',
    );
  }
  await setUp();
  await checkRedis(redisUrl);

  // The app runs in this very process: signals, `kill -9` and the exit code are its own.
  void onEndOfNpm(() => process.kill(process.pid, 'SIGTERM'));
  const main = path.join(rootDir, 'apps', app, 'dist/main.js');
  process.argv.splice(1, 2, main);
  process.chdir(rootDir);
  await import(pathToFileURL(main).href);
  return undefined;
});
