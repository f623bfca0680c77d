#!/usr/bin/env node
// npm run chaos [-- --minutes 3 --seed 1]: a hub of its own under random faults. See docs/testing.md.
import { parseArgs } from 'node:util';

import { ensureRedisBinary } from './lib/redis-binary.mjs';
import { runChaos } from './lib/run-chaos.mjs';
import { setUp } from './lib/setup.mjs';
import { listenForStop } from './lib/stop-request.mjs';
import { runMain, Stop } from './lib/stop.mjs';

const usage =
  'npm run chaos -- [--minutes 3 | --seconds 30] [--seed 1] [--faults <part of a name>] [--json FILE] [--logs FOLDER]';

await runMain(async () => {
  const { minutes, seconds, seed, ...files } = readOptions();
  const forSeconds = Number(seconds ?? Number(minutes) * 60);
  if (!(forSeconds > 0) || !Number.isSafeInteger(Number(seed ?? 0))) throw new Stop(usage);
  await setUp();
  const binary = await ensureRedisBinary();
  const stop = listenForStop();
  const others = Object.entries({ seed, ...files }).filter(([, value]) => value !== undefined);
  return runChaos({
    args: [`--seconds=${forSeconds}`, ...others.map(([name, value]) => `--${name}=${value}`)],
    faultsMs: forSeconds * 1000,
    env: { ...process.env, STEPCAST_REDIS_BINARY: binary.path },
    stopping: stop.requested,
  });
});

function readOptions() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '3' },
        seconds: { type: 'string' },
        seed: { type: 'string' },
        faults: { type: 'string' },
        json: { type: 'string' },
        logs: { type: 'string' },
      },
    }).values;
  } catch {
    throw new Stop(usage);
  }
}
