import { Module } from '@nestjs/common';
import { ApiModule } from '../../api/dist/index.js';
import { GatewayModule } from '../../gateway/dist/index.js';
import { WorkerModule } from '../../worker/dist/index.js';

/** The whole hub in one process: the modules of the three apps, and nothing of its own. */
@Module({ imports: [ApiModule, GatewayModule, WorkerModule] })
export class StandaloneModule {}
