import { describe, expect, it } from '@jest/globals';
import { createRegistry, defineModel, z } from '@stepcast/models';
import { createOpenApiDocument } from './document.js';

const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});

const registry = createRegistry([
  defineModel({
    name: 'sketch',
    description: 'Draws.',
    examples: [{ prompt: 'a red circle' }],
    input: z.object({ prompt: z.string().max(200), steps: z.int().default(20) }),
    events: { step: { schema: z.object({ step: z.int() }), fold: 'latest' } },
    output: z.object({ image: z.string() }),
    run: () => ({ image: '' }),
  }),
  defineModel({
    name: 'parse',
    description: 'Parses.',
    input: Tree,
    output: z.object({ ok: z.boolean() }),
    run: () => ({ ok: true }),
  }),
]);

const document = createOpenApiDocument(registry, '1.2.3');
const METHODS = new Set(['get', 'post', 'delete']);

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly description: string }>;
}

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    path,
    method,
    operation: operation as Operation,
  })),
);

describe('the OpenAPI document', () => {
  it('is of version 3.1 and JSON', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Stepcast', version: '1.2.3' });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('names every operation once and describes every answer', () => {
    const ids = operations.map(({ operation }) => operation.operationId);

    expect(new Set(ids).size).toBe(ids.length);
    for (const { method, operation } of operations) {
      expect(METHODS.has(method)).toBe(true);
      expect(Object.keys(operation.responses)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^2\d\d$/)]),
      );
      for (const response of Object.values(operation.responses)) {
        expect(response.description).toMatch(/\S/);
      }
    }
  });

  it('declares every parameter of its paths', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name);

      expect(declared).toEqual(inPath);
    }
  });

  it('refers only to schemas that exist', () => {
    const references = JSON.stringify(document).matchAll(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
    );
    const names = Object.keys(document.components.schemas);

    expect(names).toEqual(expect.arrayContaining([...references].map((match) => match[1])));
    // Names of components have a closed alphabet.
    expect(names.filter((name) => !/^[A-Za-z0-9._-]+$/.test(name))).toEqual([]);
  });

  it('gives a schema with references of its own a root of its own', () => {
    const schema = document.components.schemas['parse.input'] as Record<string, unknown>;
    const isRecursive = JSON.stringify(schema).includes('"$ref":"#');

    expect(isRecursive).toBe(true);
    expect(schema['$id']).toBe('urn:stepcast:schema:parse:input');
  });

  it('has run and stream of each model with its own schema and example', () => {
    for (const call of ['run', 'stream']) {
      const item = document.paths[`/v1/models/sketch/${call}`] as { post: Operation };

      expect(item.post.requestBody?.content['application/json']).toEqual({
        schema: { $ref: '#/components/schemas/sketch.input' },
        example: { prompt: 'a red circle' },
      });
    }
    expect(document.components.schemas['sketch.input']).toMatchObject({ required: ['prompt'] });
    expect(document.components.schemas['sketch.events.step']).toBeDefined();
  });

  it('has every call of the contract', () => {
    const calls = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);

    expect(calls).toEqual(
      expect.arrayContaining([
        'GET /v1/models',
        'GET /v1/models/{model}',
        'POST /v1/jobs',
        'GET /v1/jobs',
        'GET /v1/jobs/{id}',
        'DELETE /v1/jobs/{id}',
        'GET /v1/jobs/{id}/log',
        'GET /v1/jobs/{id}/events',
        'GET /v1/events',
        'GET /health/live',
        'GET /health/ready',
        'GET /metrics',
      ]),
    );
  });
});
