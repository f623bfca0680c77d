import { describe, expect, it } from '@jest/globals';
import { decodeFeedMessage } from './feed-message.js';

const decode = (text: string) => decodeFeedMessage(Buffer.from(text));

describe('decodeFeedMessage', () => {
  it('gives each line its seq and its type', () => {
    expect(decode('1 e1 7 attempt,step\n{"a":"ü"}\n{"b":2}')).toEqual({
      epoch: 'e1',
      entries: [
        { seq: 7, type: 'attempt', json: '{"a":"ü"}' },
        { seq: 8, type: 'step', json: '{"b":2}' },
      ],
    });
  });

  it.each(['', 'garbage', '2 e1 7 step\n{}', '1 e1 x step\n{}', '1 e1 7 step', '1 e1 7 a,b\n{}'])(
    'understands nothing of %j, which is then a gap',
    (text) => {
      expect(decode(text)).toBeUndefined();
    },
  );
});
