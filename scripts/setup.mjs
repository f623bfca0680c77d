#!/usr/bin/env node
// Installs and builds what is missing, as npm start and npm test do first.
import { setUp } from './lib/setup.mjs';
import { runMain } from './lib/stop.mjs';

await runMain(async () => {
  await setUp();
  return 0;
});
