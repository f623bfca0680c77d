import type { ModelRegistry } from '@stepcast/models';
import { jobPaths } from './job-paths.js';
import { modelPaths, modelSchemas } from './model-paths.js';
import { operation } from './operation.js';
import { componentSchemas, type Json } from './schemas.js';

/** The OpenAPI 3.1 document of everything that the hub serves over HTTP, made from the schemas it checks with. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Json>>;
  readonly components: { readonly schemas: Json };
}

export function createOpenApiDocument(registry: ModelRegistry, version: string): OpenApiDocument {
  const manifests = registry.list().map((model) => registry.manifest(model));
  const first = manifests[0];
  const example =
    first === undefined ? undefined : { model: first.name, input: first.examples[0] ?? {} };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stepcast',
      version,
      description:
        'Submit a job, watch it work step by step, leave and the GPU stops. ' +
        'Events are also served over WebSocket at `/v1/ws`; see docs/protocol.md.',
    },
    tags: [
      { name: 'Models', description: 'What can be run, and running it in one call.' },
      { name: 'Jobs', description: 'Submit, look up, list, cancel.' },
      { name: 'Streams', description: 'Events as they happen, by SSE or NDJSON.' },
      { name: 'Health', description: 'For orchestrators and monitoring.' },
    ],
    paths: { ...modelPaths(manifests), ...jobPaths(example), ...healthPaths() } as Record<
      string,
      Json
    >,
    components: { schemas: { ...componentSchemas(), ...modelSchemas(manifests) } },
  };
}

function healthPaths(): Json {
  const get = (id: string, summary: string, answers: Record<number, { description: string }>) => ({
    get: operation({ id, tag: 'Health', summary, answers }),
  });
  return {
    '/health/live': get('live', 'Whether the process lives', { 200: { description: 'It does.' } }),
    '/health/ready': get('ready', 'Whether the process should get requests', {
      200: { description: 'It should.' },
      503: { description: 'It drains, or a check fails; the body lists the checks.' },
    }),
    '/metrics': get('metrics', 'Metrics for Prometheus', { 200: { description: 'Text format.' } }),
  };
}
