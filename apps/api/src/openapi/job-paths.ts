import { cancelRequestSchema, jobsQuerySchema, logQuerySchema } from '../jobs/jobs.requests.js';
import {
  headerParameter,
  jsonBody,
  operation,
  pathParameter,
  queryParameters,
} from './operation.js';
import { ref, type Json } from './schemas.js';

const jobId = pathParameter('id', 'The id of the job.');

export const idempotencyKey = headerParameter(
  'Idempotency-Key',
  'Chosen by you; the same key with the same request is the same job, for a day.',
);

export const jobHeaders: Json = {
  Location: { description: 'Address of the job.', schema: { type: 'string' } },
};

/** Everything under `/v1/jobs`, of the API and of the gateway. */
export function jobPaths(example: unknown): Json {
  return {
    '/v1/jobs': { post: submit(example), get: list() },
    '/v1/jobs/{id}': { get: show(), delete: cancel() },
    '/v1/jobs/{id}/log': { get: log() },
    '/v1/jobs/{id}/events': { get: events() },
    '/v1/events': { get: manyEvents() },
  };
}

/** What a stream answers with: SSE, or one event a line. */
export const streamContent: Json = {
  'text/event-stream': {
    schema: {
      type: 'string',
      description: '`id: <position>`, `event: <type>`, `data: <the event as JSON>`',
    },
  },
  'application/x-ndjson': { schema: ref('JobEvent') },
};

function submit(example: unknown): Json {
  return operation({
    id: 'submitJob',
    tag: 'Jobs',
    summary: 'Submit a job',
    parameters: [idempotencyKey],
    body: jsonBody(ref('Submission'), example),
    answers: {
      202: { description: 'The job, in line.', json: ref('Job'), headers: jobHeaders },
    },
    problems: [
      'malformed_json',
      'unsupported_media_type',
      'too_large',
      'invalid_input',
      'model_not_found',
      'idempotency_conflict',
    ],
  });
}

function list(): Json {
  return operation({
    id: 'listJobs',
    tag: 'Jobs',
    summary: 'List jobs, newest first',
    parameters: queryParameters(jobsQuerySchema),
    answers: {
      200: { description: 'A page; it may be short and still not the last.', json: ref('JobList') },
    },
    problems: ['invalid_input'],
  });
}

function show(): Json {
  return operation({
    id: 'getJob',
    tag: 'Jobs',
    summary: 'Show a job',
    parameters: [jobId],
    answers: { 200: { description: 'The job.', json: ref('Job') } },
    problems: ['job_not_found', 'job_gone'],
  });
}

function cancel(): Json {
  return operation({
    id: 'cancelJob',
    tag: 'Jobs',
    summary: 'Cancel a job',
    description: 'A running job is `cancelled` once its work has stopped.',
    parameters: [jobId, ...queryParameters(cancelRequestSchema)],
    answers: { 202: { description: 'The job; the order stands.', json: ref('Job') } },
    problems: ['job_not_found', 'job_gone', 'already_finished', 'invalid_input'],
  });
}

function log(): Json {
  return operation({
    id: 'readJobLog',
    tag: 'Jobs',
    summary: 'Read the events of a job without streaming',
    parameters: [jobId, ...queryParameters(logQuerySchema)],
    answers: { 200: { description: 'Events behind `from`.', json: ref('JobLog') } },
    problems: ['job_not_found', 'job_gone', 'invalid_position', 'invalid_input'],
  });
}

function events(): Json {
  const parameters = [
    jobId,
    {
      name: 'from',
      in: 'query',
      description: '`start`, `now` or a position. `Last-Event-ID` wins.',
      schema: { type: 'string', default: 'start' },
    },
    {
      name: 'hold',
      in: 'query',
      description: 'Whether this viewer keeps the job alive.',
      schema: { type: 'boolean', default: true },
    },
    headerParameter('Last-Event-ID', 'Set by an EventSource when it reconnects.'),
  ];
  return operation({
    id: 'streamJob',
    tag: 'Streams',
    summary: 'Stream the events of a job',
    parameters,
    answers: {
      200: {
        description: 'Past events, then live ones, until the terminal event.',
        content: streamContent,
      },
      204: { description: 'The reader has everything already: do not come back.' },
    },
    problems: ['job_not_found', 'job_gone', 'invalid_position', 'too_many_connections'],
  });
}

function manyEvents(): Json {
  return operation({
    id: 'streamJobs',
    tag: 'Streams',
    summary: 'Stream the events of several jobs on one connection',
    parameters: [
      {
        name: 'job',
        in: 'query',
        required: true,
        description: 'Repeat it for each job.',
        schema: { type: 'array', items: { type: 'string' } },
        style: 'form',
        explode: true,
      },
    ],
    answers: {
      200: { description: 'Until all of the jobs have ended.', content: streamContent },
      204: { description: 'The reader has everything already: do not come back.' },
    },
    problems: ['job_not_found', 'job_gone', 'invalid_input', 'too_many_connections'],
  });
}
