import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { ModelRegistry } from '@stepcast/models';
import { readVersion } from '@stepcast/platform';
import { createOpenApiDocument } from './document.js';

/** Serves Swagger UI at `/docs` and the document at `/openapi.json`. */
export function serveDocs(app: NestFastifyApplication): void {
  const registry = app.get(ModelRegistry, { strict: false });
  const create = () => createOpenApiDocument(registry, readVersion()) as unknown as OpenAPIObject;
  let document: OpenAPIObject | undefined;
  registry.onChange(() => {
    document = undefined;
  });
  const current = () => (document ??= create());
  SwaggerModule.setup('docs', app, current, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Stepcast API',
    // What is set up once would describe the models of the start.
    patchDocumentOnRequest: current,
  });
}
