import { startApp } from '@stepcast/platform';
import { workerSlices } from './worker.config.js';
import { WorkerModule } from './worker.module.js';

await startApp({
  name: 'worker',
  module: WorkerModule,
  slices: workerSlices,
  listen: 'when-port-is-set',
  env: process.env,
  exit: (code) => process.exit(code),
});
