import { startApp } from '@stepcast/platform';
import { gatewaySlices } from './gateway.config.js';
import { GatewayModule } from './gateway.module.js';

await startApp({
  name: 'gateway',
  module: GatewayModule,
  slices: gatewaySlices,
  env: process.env,
  exit: (code) => process.exit(code),
});
