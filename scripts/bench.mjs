#!/usr/bin/env node
// npm run bench -- <name> [arguments]: builds, brings a throwaway Redis, runs bench/<name>.bench.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { rootDir as root } from './lib/paths.mjs';
import { ensureRedisBinary } from './lib/redis-binary.mjs';
import { startRedisServer, throwawayArgs } from './lib/redis-server.mjs';
import { setUp } from './lib/setup.mjs';
import { runMain, Stop } from './lib/stop.mjs';

await runMain(async () => {
  const [name, ...rest] = process.argv.slice(2);
  const files = await readdir(path.join(root, 'bench'));
  const names = files.filter((file) => file.endsWith('.bench.ts')).map((file) => file.slice(0, -9));
  if (name === undefined || !names.includes(name)) {
    throw new Stop(`Name a benchmark: npm run bench -- <${names.join('|')}>`);
  }
  await setUp();
  const binary = await ensureRedisBinary();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'stepcast-bench-'));
  const redis = await startRedisServer({ binary: binary.path, dataDir, args: throwawayArgs });
  try {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', path.join(root, 'bench', `${name}.bench.ts`), ...rest],
      { stdio: 'inherit', env: { ...process.env, REDIS_URL: redis.url }, cwd: root },
    );
    const [code] = await once(child, 'exit');
    return Number(code ?? 1);
  } finally {
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});
