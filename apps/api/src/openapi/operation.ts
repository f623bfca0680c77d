import { ERROR_CODES, type ErrorCode } from '@stepcast/protocol';
import type * as z from 'zod';
import { ref, toSchema, type Json } from './schemas.js';

export interface OperationSpec {
  readonly id: string;
  readonly tag: 'Models' | 'Jobs' | 'Streams' | 'Health';
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Json[];
  readonly body?: Json;
  /** Status → what it says; `json` is the schema of the body. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of the problems that are particular to this call. */
  readonly problems?: readonly ErrorCode[];
}

export interface Answer {
  readonly description: string;
  readonly json?: Json;
  /** Media type → schema, for what is not JSON. */
  readonly content?: Json;
  readonly headers?: Json;
}

/** One OpenAPI operation. Every call may also find Redis away (`unavailable`). */
export function operation(spec: OperationSpec): Json {
  const codes: ErrorCode[] = [...(spec.problems ?? []), 'unavailable'];
  return {
    operationId: spec.id,
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(spec.parameters === undefined ? {} : { parameters: spec.parameters }),
    ...(spec.body === undefined ? {} : { requestBody: spec.body }),
    responses: {
      ...Object.fromEntries(
        Object.entries(spec.answers).map(([status, answer]) => [status, toResponse(answer)]),
      ),
      ...problemResponses(codes),
    },
  };
}

/** Parameters of a query, one for each field of its schema. */
export function queryParameters(schema: z.ZodObject): Json[] {
  const { properties = {} } = toSchema(schema, 'input') as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, { description, ...json }]) => ({
    name,
    in: 'query',
    ...(description === undefined ? {} : { description }),
    schema: json,
  }));
}

export function pathParameter(name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

export function headerParameter(name: string, description: string): Json {
  return { name, in: 'header', description, schema: { type: 'string' } };
}

export function jsonBody(schema: Json, example?: unknown, isRequired = true): Json {
  const media = example === undefined ? { schema } : { schema, example };
  return { required: isRequired, content: { 'application/json': media } };
}

function toResponse(answer: Answer): Json {
  const content =
    answer.json === undefined ? answer.content : { 'application/json': { schema: answer.json } };
  return {
    description: answer.description,
    ...(answer.headers === undefined ? {} : { headers: answer.headers }),
    ...(content === undefined ? {} : { content }),
  };
}

function problemResponses(codes: readonly ErrorCode[]): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { http } = ERROR_CODES[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${ERROR_CODES[code].summary}`).join(' '),
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    ]),
  );
}
