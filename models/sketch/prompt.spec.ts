import { describe, expect, it } from '@jest/globals';

import { parsePrompt } from './prompt.js';

const VOCABULARY = { length: 4, ids: { red: 1, crimson: 1, circle: 2, on: 3 }, ignored: ['a'] };

describe('parsePrompt', () => {
  it('pads the ids of known words to the length of the network', () => {
    expect(parsePrompt('A red circle!', VOCABULARY)).toEqual({ tokens: [1, 2, 0, 0], unknown: [] });
  });

  it('reads synonyms and capitals as the same word', () => {
    expect(parsePrompt('CRIMSON', VOCABULARY)).toEqual(parsePrompt('red', VOCABULARY));
  });

  it('names each unknown word once, whatever it is called', () => {
    const { tokens, unknown } = parsePrompt(
      'constructor red elephant Éléphant elephant',
      VOCABULARY,
    );

    expect(tokens).toEqual([1, 0, 0, 0]);
    expect(unknown).toEqual(['constructor', 'elephant', 'éléphant']);
  });

  it('cuts off what the network cannot read, and bears an empty prompt', () => {
    expect(parsePrompt('red red red red circle', VOCABULARY).tokens).toEqual([1, 1, 1, 1]);
    expect(parsePrompt('', VOCABULARY)).toEqual({ tokens: [0, 0, 0, 0], unknown: [] });
  });
});
