/**
 * REST of the hub (docs/protocol.md §3), at the origin of this page. Where gateway and api are two
 * processes, a reverse proxy must join them under one origin.
 */
import { backoffMs } from './backoff.js';

/** A refusal, from the hub's `application/problem+json` or from what else answered. */
export class Problem extends Error {
  /**
   * @param {number} status 0 when nothing answered
   * @param {{ code?: string, title?: string, detail?: string, retryable?: boolean, errors?: { path: string, message: string }[] }} body
   */
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The hub answered with status ${status}.`);
    this.status = status;
    this.code = body.code ?? 'unknown';
    this.isRetryable = body.retryable ?? false;
    this.errors = body.errors ?? [];
  }
}

const SUBMIT_ATTEMPTS = 3;

export const listModels = () => call('GET', '/v1/models');

export const listRecentJobs = (limit) => call('GET', `/v1/jobs?limit=${limit}`);

export const getJob = (id) => call('GET', `/v1/jobs/${encodeURIComponent(id)}`);

export const cancelJob = (id) => call('DELETE', `/v1/jobs/${encodeURIComponent(id)}`);

/**
 * Submits a job once, however often the call must be repeated: the key tells the hub that it is the
 * same one.
 */
export async function submitJob(submission) {
  const headers = { 'idempotency-key': randomKey() };
  for (let attempt = 0; ; attempt++) {
    try {
      return await call('POST', '/v1/jobs', { body: submission, headers });
    } catch (error) {
      if (!error.isRetryable || attempt === SUBMIT_ATTEMPTS - 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt)));
    }
  }
}

/** Not `crypto.randomUUID`, which only pages served over TLS or from localhost have. */
function randomKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

async function call(method, path, { body, headers } = {}) {
  const hasBody = body !== undefined;
  const request = {
    method,
    headers: { ...(hasBody ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(hasBody ? { body: JSON.stringify(body) } : {}),
  };
  const response = await fetch(path, request).catch(() => {
    throw new Problem(0, {
      code: 'offline',
      detail: 'The hub cannot be reached.',
      retryable: true,
    });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}
