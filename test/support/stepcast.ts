// Real Stepcast processes for tests, against the Redis of the run.
import { afterAll } from '@jest/globals';

import { startAppProcess, stopAllApps, type AppName, type AppProcess } from './app-process.js';
import { testRedisUrl } from './redis.js';

export { uniquePrefix, type AppProcess } from './app-process.js';
export { waitFor, within } from './wait.js';

// Registered on import: a test that fails half-way leaves no process behind.
afterAll(stopAllApps);

/** Starts one app and waits until it is ready. */
export function startApp(
  name: AppName,
  env: Readonly<Record<string, string>> = {},
): Promise<AppProcess> {
  return startAppProcess(name, { REDIS_URL: testRedisUrl(), ...env });
}
