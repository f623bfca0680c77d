export { apiSlices } from './api.config.js';
export { ApiModule } from './api.module.js';
export { serveDocs } from './openapi/docs.nest.js';
