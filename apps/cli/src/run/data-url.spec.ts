import { describe, expect, it } from '@jest/globals';
import { decodeDataUrl, findDataUrl, shortJson } from './data-url.js';

const png = `data:image/png;base64,${Buffer.alloc(3072, 7).toString('base64')}`;

describe('decodeDataUrl', () => {
  it.each([
    ['base64', 'data:image/png;base64,AQID', Buffer.from([1, 2, 3])],
    [
      'a type with a parameter',
      'data:text/plain;charset=utf-8;base64,AQID',
      Buffer.from([1, 2, 3]),
    ],
    ['per cent signs', 'data:text/plain,one%20two', Buffer.from('one two')],
    ['no type', 'data:,hi', Buffer.from('hi')],
  ])('reads %s', (_what, text, bytes) => {
    expect(decodeDataUrl(text)).toEqual(bytes);
  });

  it('takes none whose per cent signs say nothing', () => {
    expect(decodeDataUrl('data:text/plain,100%')).toBeUndefined();
  });

  it('takes no other text for one', () => {
    expect(decodeDataUrl('database: none, at all')).toBeUndefined();
  });
});

describe('findDataUrl', () => {
  it('takes the first of an output, however deep', () => {
    expect(findDataUrl({ seed: 1, pictures: [{ image: png }, { image: 'data:,b' }] })).toBe(png);
  });

  it.each([[null], [7], ['text'], [{ text: 'data' }]])('finds none in %j', (output) => {
    expect(findDataUrl(output)).toBeUndefined();
  });
});

describe('shortJson', () => {
  it('names pictures and tensors by their size', () => {
    const data = Buffer.alloc(300, 1).toString('base64');

    expect(shortJson({ image: png, tensor: { dtype: 'float32', data } })).toBe(
      '{"image":"data:image/png;base64,… (3.0 KiB)","tensor":{"dtype":"float32","data":"… (300 bytes)"}}',
    );
  });

  it('leaves texts whole, however long', () => {
    const text = 'word '.repeat(500);

    expect(shortJson({ text })).toBe(JSON.stringify({ text }));
  });

  it('says null for an output that is none', () => {
    expect(shortJson(undefined)).toBe('null');
  });
});
