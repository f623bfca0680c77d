import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ModelsService, type ModelList, type ModelView } from './models.service.js';

/** Models (docs/protocol.md §3). */
@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(ModelsService) private readonly models: ModelsService) {}

  @Get()
  list(): Promise<ModelList> {
    return this.models.list();
  }

  @Get(':model')
  get(@Param('model') model: string): Promise<ModelView> {
    return this.models.get(model);
  }
}
