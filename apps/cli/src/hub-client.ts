import { isErrorCode, ERROR_CODES, type Problem } from '@stepcast/protocol';
import type { ModelManifest } from '@stepcast/models';
import { CliError } from './cli-error.js';

/** Longest wait for an answer that is no stream, in milliseconds. */
const ANSWER_MS = 30_000;

/** A model as `GET /v1/models` shows it. */
export interface ServedModel extends ModelManifest {
  readonly devices: readonly string[];
  readonly workers: number;
  readonly slots: { readonly total: number; readonly busy: number };
  readonly queueDepth: number;
}

export interface ServedModels {
  readonly models: readonly ServedModel[];
  readonly broken: readonly { readonly folder: string; readonly reason: string }[];
}

/** An answer of the hub that is an error, as one line. */
export class HubError extends CliError {
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly isRetryable: boolean;

  constructor(status: number, problem: Partial<Problem>) {
    const { code = `HTTP ${status}`, detail = problem.title ?? 'no reason was given' } = problem;
    super(`${code}: ${detail}`.replaceAll(/\s*\n\s*/g, ' '));
    this.code = code;
    this.isRetryable = isErrorCode(code) ? ERROR_CODES[code].retry !== 'no' : status >= 500;
  }
}

/** No answer at all: nobody listens, or the connection broke. */
export class UnreachableError extends CliError {}

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): error is CliError {
  return error instanceof UnreachableError || (error instanceof HubError && error.isRetryable);
}

/** The REST side of a hub, with errors that say what to do. */
export class HubClient {
  readonly url: string;

  constructor(url: string) {
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw new CliError(
        `"${url}" is no address of a hub; write for instance --url http://127.0.0.1:3000`,
      );
    }
    this.url = url.replace(/\/+$/, '');
  }

  models(): Promise<ServedModels> {
    return this.json<ServedModels>('/v1/models');
  }

  model(name: string): Promise<ServedModel> {
    return this.json<ServedModel>(`/v1/models/${encodeURIComponent(name)}`);
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.open(path, { signal: AbortSignal.timeout(ANSWER_MS), ...init });
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw new UnreachableError(`${this.url} does not answer as a Stepcast hub does.`, { cause });
    }
  }

  /**
   * Sends a request.
   * @throws {HubError} for any status that is an error; {UnreachableError} when there is no answer.
   */
  async open(path: string, init: RequestInit): Promise<Response> {
    let response;
    try {
      response = await fetch(this.url + path, init);
    } catch (cause) {
      throw new UnreachableError(
        `No hub answers at ${this.url} (${reasonOf(cause)}). Start one: npm start; or name another: --url, STEPCAST_URL.`,
        { cause },
      );
    }
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
    throw new HubError(response.status, problem);
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { code, message } = cause as NodeJS.ErrnoException;
  return code ?? message;
}
