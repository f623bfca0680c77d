import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { ModelRegistry } from '@stepcast/models';
import { readVersion } from '@stepcast/platform';
import { createOpenApiDocument } from './document.js';

/** Serves Swagger UI at `/docs` and the document at `/openapi.json`. */
export function serveDocs(app: NestFastifyApplication): void {
  const document = createOpenApiDocument(app.get(ModelRegistry, { strict: false }), readVersion());
  SwaggerModule.setup('docs', app, document as unknown as OpenAPIObject, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Stepcast API',
  });
}
