import { StepcastError } from '@stepcast/protocol';

const JOB_ID = /^[A-Za-z0-9-]{1,64}$/;

/** The place behind a job in the list, opaque to clients. */
export function encodeCursor(job: string): string {
  return Buffer.from(job).toString('base64url');
}

/** The inverse of {@link encodeCursor}; throws `invalid_input` for anything else. */
export function decodeCursor(cursor: string): string {
  const job = Buffer.from(cursor, 'base64url').toString();
  if (!JOB_ID.test(job) || encodeCursor(job) !== cursor) {
    const message = 'not a cursor; send `nextCursor` of the page before';
    throw new StepcastError('invalid_input', `cursor: ${message}`, {
      faults: [{ path: 'cursor', message }],
    });
  }
  return job;
}
