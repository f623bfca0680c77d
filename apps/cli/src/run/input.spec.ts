import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readInput, type InputOptions } from './input.js';

const model = {
  name: 'sketch',
  examples: [{ prompt: 'a star' }],
  input: {
    type: 'object',
    properties: { prompt: { type: 'string' }, steps: { type: 'integer' } },
  },
};

let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'stepcast-cli-'));
  await writeFile(path.join(cwd, 'input.json'), '{"prompt":"from a file"}');
  await writeFile(path.join(cwd, 'one.png'), Buffer.from([1, 2, 3]));
  await writeFile(path.join(cwd, 'story.txt'), 'Once');
});

afterAll(() => rm(cwd, { recursive: true, force: true }));

const read = (options: Partial<InputOptions>, stdin = ''): Promise<unknown> =>
  readInput({ field: [], ...options }, model, { cwd, stdin: Readable.from([stdin]) });

describe('readInput', () => {
  it.each([
    ['nothing', {}, {}],
    ['JSON', { input: '{"steps":3}' }, { steps: 3 }],
    ['a file', { input: '@input.json' }, { prompt: 'from a file' }],
    ['stdin', { input: '-' }, { steps: 4 }],
    ['a field that is a text', { field: ['prompt=7'] }, { prompt: '7' }],
    ['a field that is not', { field: ['steps=7'] }, { steps: 7 }],
    ['a field that holds "="', { field: ['prompt=a=b'] }, { prompt: 'a=b' }],
    ['an unknown field', { field: ['list=[1,2]', 'word=hi'] }, { list: [1, 2], word: 'hi' }],
    ['a picture', { field: ['prompt=@one.png'] }, { prompt: 'data:image/png;base64,AQID' }],
    ['a text file', { field: ['prompt=@story.txt'] }, { prompt: 'Once' }],
    ['fields over JSON', { input: '{"steps":3}', field: ['steps=5'] }, { steps: 5 }],
  ])('reads %s', async (_what, options, input) => {
    expect(await read(options, '{"steps":4}')).toEqual(input);
  });

  it.each([
    ['broken JSON', { input: '{' }, /stepcast run sketch --input '\{"prompt":"a star"\}'/],
    ['a file that is not there', { input: '@none.json' }, /none\.json cannot be read \(ENOENT\)/],
    ['a field without "="', { field: ['steps'] }, /--field "steps" is not key=value/],
    ['a field beside a list', { input: '[1]', field: ['a=1'] }, /--field needs an --input/],
  ])('says what to do about %s', async (_what, options, message) => {
    await expect(read(options)).rejects.toThrow(message);
  });
});
