import type { InputFault, StepcastError } from './errors.js';

/** RFC 9457 `application/problem+json`, with the code of the error table. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly errors?: readonly InputFault[];
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** The problem answer of an error. */
export function toProblem(error: StepcastError): Problem {
  return {
    type: `urn:stepcast:error:${error.code}`,
    title: error.info.summary,
    status: error.info.http,
    code: error.code,
    detail: error.message,
    retryable: error.retryable,
    ...(error.faults.length > 0 ? { errors: error.faults } : {}),
  };
}
