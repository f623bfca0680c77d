import { ERROR_CODES, type CodeInfo, type ErrorCode } from './codes.js';

/** One fault of an input: where it is and what to do about it. */
export interface InputFault {
  /** Path from the root of the input, joined by dots; '' is the input itself. */
  readonly path: string;
  readonly message: string;
}

export interface StepcastErrorOptions {
  /** What threw; for the log, never sent to a client. */
  readonly cause?: unknown;
  /** Every fault of an input, for `invalid_input`. */
  readonly faults?: readonly InputFault[];
}

/**
 * The one operational error of Stepcast. `message` is safe to show to a client: it names no path, host
 * or stack. Whatever else was known is in `cause`, for the log.
 */
export class StepcastError extends Error {
  readonly code: ErrorCode;
  readonly faults: readonly InputFault[];

  constructor(code: ErrorCode, message?: string, options: StepcastErrorOptions = {}) {
    super(message ?? ERROR_CODES[code].summary, { cause: options.cause });
    this.name = 'StepcastError';
    this.code = code;
    this.faults = options.faults ?? [];
  }

  get info(): CodeInfo {
    return ERROR_CODES[this.code];
  }

  /** Whether the same call may succeed when it is sent again. */
  get retryable(): boolean {
    return this.info.retry !== 'no';
  }

  /** The error itself if it is ours, else `internal` with the original as its cause. */
  static from(error: unknown): StepcastError {
    return error instanceof StepcastError
      ? error
      : new StepcastError('internal', undefined, { cause: error });
  }
}
