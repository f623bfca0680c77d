import type { ModelManifest } from '@stepcast/models';
import { idempotencyKey, jobHeaders, streamContent } from './job-paths.js';
import { headerParameter, jsonBody, operation, pathParameter } from './operation.js';
import { ref, withoutDialect, type Json } from './schemas.js';

const options = headerParameter(
  'Stepcast-Options',
  'Options of the job as JSON (JobOptions), or in the query: `?onDisconnect=cancel&graceMs=0&priority=5`.',
);

const submitProblems = [
  'malformed_json',
  'unsupported_media_type',
  'too_large',
  'invalid_input',
  'idempotency_conflict',
] as const;

/** The models themselves, and two calls for each with its real schemas and its own examples. */
export function modelPaths(manifests: readonly ModelManifest[]): Json {
  return {
    '/v1/models': {
      get: operation({
        id: 'listModels',
        tag: 'Models',
        summary: 'List the models',
        answers: { 200: { description: 'All models.', json: ref('ModelList') } },
      }),
    },
    '/v1/models/{model}': {
      get: operation({
        id: 'getModel',
        tag: 'Models',
        summary: 'Show a model',
        parameters: [pathParameter('model', 'The name of the model.')],
        answers: { 200: { description: 'The model.', json: ref('Model') } },
        problems: ['model_not_found'],
      }),
    },
    ...Object.fromEntries(manifests.flatMap(callsOf)),
  };
}

/** Schemas of each model, under the names that {@link modelPaths} refers to. */
export function modelSchemas(manifests: readonly ModelManifest[]): Json {
  return Object.fromEntries(
    manifests.flatMap((manifest) => [
      [`${manifest.name}.input`, embed(manifest.input, `${manifest.name}:input`)],
      [`${manifest.name}.output`, embed(manifest.output, `${manifest.name}:output`)],
      ...Object.entries(manifest.events).map(([type, schema]) => [
        `${manifest.name}.events.${type}`,
        embed(schema, `${manifest.name}:events:${type}`),
      ]),
    ]) as [string, Json][],
  );
}

function callsOf(manifest: ModelManifest): [string, Json][] {
  const { name, description } = manifest;
  const body = jsonBody(ref(`${name}.input`), manifest.examples[0], false);
  const ended = {
    allOf: [
      ref('Job'),
      { properties: { output: { anyOf: [ref(`${name}.output`), { type: 'null' }] } } },
    ],
  };
  const run = operation({
    id: `run_${name}`,
    tag: 'Models',
    summary: `Run ${name} and wait for its end`,
    description,
    parameters: [
      headerParameter(
        'Prefer',
        '`wait=n`: answer after n seconds at the latest; 60 by default, at most 300.',
      ),
      idempotencyKey,
      options,
    ],
    body,
    answers: {
      200: { description: 'The ended job.', json: ended, headers: jobHeaders },
      202: {
        description: 'The job still runs, and goes on.',
        json: ref('Job'),
        headers: jobHeaders,
      },
    },
    problems: submitProblems,
  });
  const stream = operation({
    id: `stream_${name}`,
    tag: 'Streams',
    summary: `Run ${name} and stream its events`,
    description: `${description}\n\nEvents: ${eventList(manifest)}.`,
    parameters: [idempotencyKey, options],
    body,
    answers: {
      200: {
        description: 'Every event until the terminal one. Leave, and the job stops after 5 s.',
        content: streamContent,
        headers: {
          ...jobHeaders,
          'Stepcast-Job': { description: 'Id.', schema: { type: 'string' } },
        },
      },
    },
    problems: [...submitProblems, 'too_many_connections'],
  });
  return [
    [`/v1/models/${name}/run`, { post: run }],
    [`/v1/models/${name}/stream`, { post: stream }],
  ];
}

function eventList(manifest: ModelManifest): string {
  const types = Object.entries(manifest.folds).map(([type, fold]) => `\`${type}\` (${fold})`);
  return types.length === 0 ? 'none of its own' : types.join(', ');
}

/**
 * A schema that refers to parts of itself does so from its own root; as a resource with an `$id` it
 * still does when it is a part of the document.
 */
function embed(schema: Readonly<Json>, id: string): Json {
  const json = withoutDialect(schema);
  const refersToItself = JSON.stringify(json).includes('"$ref":"#');
  return refersToItself ? { $id: `urn:stepcast:schema:${id}`, ...json } : json;
}
