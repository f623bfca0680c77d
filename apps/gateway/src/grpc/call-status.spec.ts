import { status as Status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, StepcastError, type ErrorCode, type JobEvent } from '@stepcast/protocol';
import { statusOfEnd, statusOfError } from './call-status.js';

const end = (type: string, data: object): JobEvent => {
  return { job: 'j', seq: 3, attempt: 1, type, at: 0, data };
};

describe('the status of a call', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    'that ends with %s is that of the table',
    (code) => {
      const { code: status, details, metadata } = statusOfError(new StepcastError(code));

      expect(Status[status]).toBe(ERROR_CODES[code].grpc);
      expect(details).not.toBe('');
      expect(metadata.get('stepcast-code')).toEqual([code]);
    },
  );

  it.each([
    ['client', Status.CANCELLED],
    ['disconnect', Status.CANCELLED],
    ['timeout', Status.DEADLINE_EXCEEDED],
    ['shutdown', Status.UNAVAILABLE],
  ])('whose job was cancelled by %s', (by, code) => {
    expect(statusOfEnd(end('cancelled', { by, reason: 'enough' }))).toMatchObject({
      code,
      details: `cancelled (${by}): enough`,
    });
  });

  it.each([
    ['half of a surrogate pair', 'a\ud800b', 'cancelled (client): a\ufffdb'],
    ['a pair', 'a😀b', 'cancelled (client): a😀b'],
  ])('is text that a header can carry: %s', (_what, reason, details) => {
    const status = statusOfEnd(end('cancelled', { by: 'client', reason }));

    expect(status.details).toBe(details);
    expect(() => encodeURI(status.details)).not.toThrow();
  });

  it.each(['x', 'é', '名', '😀'])(
    'is bounded as it is encoded, also of %s, and cuts none',
    (one) => {
      const { details } = statusOfError(new StepcastError('model_error', one.repeat(9_000)));

      expect(encodeURI(details).length).toBeLessThanOrEqual(6_000);
      expect(encodeURI(details).length).toBeGreaterThan(5_900);
      expect(details).toBe(one.repeat(details.length / one.length));
    },
  );

  it('whose job failed with a code that is not known here is INTERNAL, with that code', () => {
    const { code, metadata } = statusOfEnd(end('failed', { code: 'newer', message: 'x' }));

    expect(code).toBe(Status.INTERNAL);
    expect(metadata.get('stepcast-code')).toEqual(['newer']);
  });
});
