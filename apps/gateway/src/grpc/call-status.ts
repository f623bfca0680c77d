import { Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import {
  ERROR_CODES,
  isErrorCode,
  type CancelOrigin,
  type JobEvent,
  type StepcastError,
} from '@stepcast/protocol';

/** How a call ends that does not end well. */
export interface CallStatus {
  readonly code: Status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Headers of HTTP/2 have a limit, and so has patience. */
const MAX_DETAILS = 2_000;

const OF_CANCEL: Readonly<Record<CancelOrigin, Status>> = {
  client: Status.CANCELLED,
  disconnect: Status.CANCELLED,
  timeout: Status.DEADLINE_EXCEEDED,
  shutdown: Status.UNAVAILABLE,
};

/** The status of an error, with its code of the table as `stepcast-code`. */
export function statusOfError({ code, message, info }: StepcastError): CallStatus {
  return makeStatus(statusByName(info.grpc), message, code);
}

/** The status of a job that failed or was cancelled. */
export function statusOfEnd({ type, data }: JobEvent): CallStatus {
  const { code, message, by, reason } = data as Record<string, string>;
  if (type === 'cancelled') {
    return makeStatus(OF_CANCEL[by as CancelOrigin], `cancelled (${by}): ${reason}`, 'cancelled');
  }
  const known = code !== undefined && isErrorCode(code) ? ERROR_CODES[code].grpc : 'INTERNAL';
  return makeStatus(statusByName(known), message ?? '', code ?? 'internal');
}

function makeStatus(code: Status, message: string, stepcastCode: string): CallStatus {
  const metadata = new Metadata();
  metadata.set('stepcast-code', stepcastCode);
  return { code, details: message.slice(0, MAX_DETAILS), metadata };
}

/** A row of the table names its status. */
export function statusByName(name: string): Status {
  const code = (Status as unknown as Record<string, Status>)[name];
  if (code === undefined) throw new TypeError(`"${name}" is no gRPC status`);
  return code;
}

/** As grpc-js wants it. */
export function toServiceError({ code, details, metadata }: CallStatus): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata });
}
