import { describe, expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeFeedMessage } from './feed-message.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

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

  it.each([
    '',
    'garbage',
    '2 e1 7 step\n{}',
    '1 e1 x step\n{}',
    '1 e1 7 step',
    '1 e1 7 a,b\n{}',
    '1 e1 7 a\n{}\n{}',
  ])('understands nothing of %j, which is then a gap', (text) => {
    expect(decode(text)).toBeUndefined();
  });

  it('lets go of a message of which one event is kept', () => {
    const types = Array.from({ length: 1_000 }, () => 'step').join(',');
    const lines = Array.from(
      { length: 1_000 },
      (_, index) => `{"pad":"${'x'.repeat(250)}${index}"}`,
    );
    const message = Buffer.from([`1 e1 7 ${types}`, ...lines].join('\n'));
    const before = heapBytes();

    const kept = Array.from({ length: 100 }, () => decodeFeedMessage(message)?.entries.at(-1));

    // 100 events of 260 bytes, of messages of 260 KB: by slices, 26 MB.
    expect(heapBytes() - before).toBeLessThan(5_000_000);
    expect(kept.every((entry) => entry?.json === lines.at(-1))).toBe(true);
  });
});
