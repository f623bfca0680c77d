import { startApp } from '@stepcast/platform';
import { apiSlices } from './api.config.js';
import { ApiModule } from './api.module.js';
import { serveDocs } from './openapi/docs.nest.js';

await startApp({
  name: 'api',
  module: ApiModule,
  configure: serveDocs,
  slices: apiSlices,
  env: process.env,
  exit: (code) => process.exit(code),
});
