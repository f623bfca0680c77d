import { startApp } from '@stepcast/platform';
import { apiSlices, serveDocs } from '../../api/dist/index.js';
import { gatewaySlices } from '../../gateway/dist/index.js';
import { workerSlices } from '../../worker/dist/index.js';
import { StandaloneModule } from './standalone.module.js';

await startApp({
  name: 'standalone',
  module: StandaloneModule,
  // A slice that several apps read is in the list several times and means the same each time.
  slices: [...apiSlices, ...gatewaySlices, ...workerSlices],
  configure: serveDocs,
  env: process.env,
  exit: (code) => process.exit(code),
});
