// What a test file leaves running is ended when the file ends, also when a test failed half-way.
import { afterAll } from '@jest/globals';

import { stopAllApps } from './app-process.js';
import { closeAllClients } from './cluster.js';
import { stopAllMonitors } from './monitor.js';
import { stopAllRedis } from './private-redis.js';
import { stopAllProxies } from './tcp-proxy.js';
import { stopAllWatchers } from './watcher.js';

afterAll(async () => {
  stopAllWatchers();
  closeAllClients();
  stopAllMonitors();
  await stopAllApps();
  await stopAllProxies();
  await stopAllRedis();
});
