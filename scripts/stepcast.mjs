#!/usr/bin/env node
// npx stepcast: the command line, built first where it is not. A build that is merely old is used as it is:
// an author whose model does not compile still needs `stepcast doctor`.
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

import { rootDir } from './lib/paths.mjs';
import { setUp } from './lib/setup.mjs';
import { runMain } from './lib/stop.mjs';

const main = path.join(rootDir, 'apps/cli/dist/main.js');

await runMain(async () => {
  if (!existsSync(main)) await setUpAside();
  await import(pathToFileURL(main).href);
  return undefined;
});

/** Sets up with its words on stderr: stdout belongs to the command, and may be a pipe. */
async function setUpAside() {
  const { write } = process.stdout;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    await setUp();
  } finally {
    process.stdout.write = write;
  }
}
