import type { ProtoObject } from '@stepcast/models';
import { methodNames, type GrpcApi } from './grpc-api.js';

/** The answer of ListModels: also the models that proto cannot express, with the reason. */
export function listModels(api: GrpcApi, serving: ReadonlySet<string>): ProtoObject {
  const served = api.models.map((model) => ({
    ...{ name: model.name, description: model.description, version: model.version },
    streams: model.event !== undefined,
    serving: serving.has(model.name),
    methods: methodNames(model),
  }));
  const unserved = api.unserved.map(({ model, reason }) => ({
    ...{ name: model, serving: serving.has(model), unserved: reason },
  }));
  return { models: [...served, ...unserved].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
