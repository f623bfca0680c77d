import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createTokenizer, type TextTokenizer } from './tokenizer.js';

describe('createTokenizer', () => {
  let tokenizer: TextTokenizer;

  beforeAll(async () => {
    const file = new URL('tokenizer.json', import.meta.url);
    tokenizer = await createTokenizer(JSON.parse(await readFile(file, 'utf8')));
  });

  it.each([
    'Once upon a time there was a fox named Mia. "Hello, Mia," said Tom.',
    'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich 🦊!',
    ' two  spaces \n and a line ',
  ])('gives back the text that it took: %j', (text) => {
    expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text);
  });

  it('knows the words of the stories as one token each', () => {
    expect(tokenizer.encode('Once upon a time').ids).toHaveLength(4);
  });

  it('decodes tokens one by one to the same text as all at once', () => {
    const { ids } = tokenizer.encode('She said: "The end."');

    expect(ids.map((id) => tokenizer.decode([id])).join('')).toBe('She said: "The end."');
  });
});
