export { gatewaySlice, gatewaySlices } from './gateway.config.js';
export { GatewayModule } from './gateway.module.js';
