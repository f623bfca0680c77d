import { Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import { toWellFormed } from '@stepcast/models';
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

/** Bytes of the text as its header carries it, percent-encoded: clients take 8 KiB of headers in all. */
const MAX_DETAILS_BYTES = 6_000;

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
  return { code, details: toDetails(message), metadata };
}

/** Text that grpc-js can encode: it throws at half of a surrogate pair. */
function toDetails(message: string): string {
  let bytes = 0;
  let details = '';
  for (const character of toWellFormed(message.slice(0, MAX_DETAILS_BYTES))) {
    bytes += encodeURI(character).length;
    if (bytes > MAX_DETAILS_BYTES) break;
    details += character;
  }
  return details;
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
