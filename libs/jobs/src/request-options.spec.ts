import { describe, expect, it } from '@jest/globals';
import { parseRequestOptions } from './request-options.js';

const code = (expected: string): Error =>
  expect.objectContaining({ code: expected }) as unknown as Error;

describe('options of a call whose body is the input', () => {
  it('come flat in the query', () => {
    const query = { onDisconnect: 'cancel', graceMs: '0', priority: '5' };

    expect(parseRequestOptions(query, {})).toMatchObject({
      onDisconnect: { policy: 'cancel', graceMs: 0 },
      priority: 5,
      attempts: 1,
    });
  });

  it('come as JSON in a header, which wins', () => {
    const header = { 'stepcast-options': '{"attempts":3}' };

    expect(parseRequestOptions({ attempts: '2' }, header)).toMatchObject({ attempts: 3 });
    expect(parseRequestOptions({}, {})).not.toHaveProperty('onDisconnect');
  });

  it('are refused when they make no sense', () => {
    expect(() => parseRequestOptions({ priority: 'high' }, {})).toThrow(code('invalid_input'));
    expect(() => parseRequestOptions({}, { 'stepcast-options': '{' })).toThrow(
      code('malformed_json'),
    );
  });
});
