export { WorkerModule } from './worker.module.js';
export { workerSlices } from './worker.config.js';
