import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, LIMITS, StepcastError, closeCode, isErrorCode, toProblem } from './index.js';

const document = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

/** Rows of the tables of a Markdown document, cells trimmed and without code marks. */
function rows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

describe('the error table', () => {
  it('is what docs/errors.md says, row by row', () => {
    const documented = rows(document('errors.md'));
    const expected = Object.entries(ERROR_CODES).map(([code, info]) => [
      code,
      String(info.http),
      'close' in info ? String(info.close) : '–',
      info.grpc,
      info.retry,
      info.summary.replaceAll('`', ''),
    ]);

    expect(documented).toEqual(expected);
  });

  it('has close codes whose range says whether to come back', () => {
    for (const info of Object.values(ERROR_CODES)) {
      if (info.close === undefined || info.close < 4000) continue;
      expect(info.close < 4500).toBe(info.retry !== 'no');
    }
  });

  it('keeps every summary inside the 123 bytes of a close reason or short enough to cut', () => {
    for (const info of Object.values(ERROR_CODES)) expect(info.summary.length).toBeLessThan(124);
  });

  it('closes with 1011 for codes that normally end no connection', () => {
    expect(closeCode('job_not_found')).toBe(1011);
    expect(closeCode('slow_viewer')).toBe(4002);
  });
});

describe('StepcastError', () => {
  it('becomes a problem with every fault and without its cause', () => {
    const error = new StepcastError('invalid_input', 'steps: too big', {
      faults: [{ path: 'steps', message: 'too big' }],
      cause: new Error('secret'),
    });

    expect(toProblem(error)).toEqual({
      type: 'urn:stepcast:error:invalid_input',
      title: ERROR_CODES.invalid_input.summary,
      status: 422,
      code: 'invalid_input',
      detail: 'steps: too big',
      retryable: false,
      errors: [{ path: 'steps', message: 'too big' }],
    });
  });

  it('wraps what is not ours as internal, with the original as cause', () => {
    const thrown = new TypeError('x is not a function');
    const error = StepcastError.from(thrown);

    expect(error).toMatchObject({ code: 'internal', cause: thrown });
    expect(error.message).not.toContain('x is not');
    expect(StepcastError.from(error)).toBe(error);
  });

  it('knows its codes', () => {
    expect(isErrorCode('job_gone')).toBe(true);
    expect(isErrorCode('toString')).toBe(false);
  });
});

describe('the limits', () => {
  it('are what docs/protocol.md says', () => {
    const documented = Object.fromEntries(
      rows(document('protocol.md'))
        .filter(([name]) => name !== undefined && name in LIMITS)
        .map(([name, value]) => [name, Number(value?.replaceAll(/[ ,]/g, ''))]),
    );

    expect(documented).toEqual(LIMITS);
  });
});
