import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CommandError, LIMITS, parseCommand } from './index.js';

interface Vectors {
  valid: { text: string; command: object }[];
  invalid: { text: string; code: string; id?: string | number }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../test-vectors/commands.json', import.meta.url), 'utf8'),
) as Vectors;

function errorOf(text: string): CommandError {
  try {
    parseCommand(text);
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  throw new Error(`${text.slice(0, 80)} was accepted`);
}

describe('parseCommand', () => {
  it.each(vectors.valid)('reads $text', ({ text, command }) => {
    expect(parseCommand(text)).toEqual(command);
  });

  it.each(vectors.invalid)('refuses $text with $code', ({ text, code, id }) => {
    const error = errorOf(text);

    expect(error.code).toBe(code);
    expect(error.id).toBe(id);
  });

  it('names every fault with its path', () => {
    const text = '{"op":"submit","model":"","options":{"attempts":0,"priority":"high"}}';

    expect(errorOf(text).faults.map(({ path }) => path)).toEqual([
      'model',
      'options.priority',
      'options.attempts',
    ]);
  });

  it('refuses ten thousand levels without a stack overflow', () => {
    const text = `{"op":"submit","model":"pace","input":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;

    expect(errorOf(text)).toMatchObject({
      code: 'invalid_input',
      message: `Nested deeper than ${LIMITS.maxJsonDepth} levels.`,
    });
  });

  it('does not echo an id that is too long', () => {
    expect(errorOf(`{"op":"ping","id":"${'x'.repeat(129)}"}`).id).toBeUndefined();
  });
});
