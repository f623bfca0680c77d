import { describe, expect, it } from '@jest/globals';
import { decodeFrames, encodeFrames, type Frame } from './frames.js';

describe('frames', () => {
  it('come out as they went in, empty ones too', () => {
    const frames: Frame[] = [
      { kind: 'message', payload: Buffer.from('a message') },
      { kind: 'message', payload: Buffer.alloc(0) },
      { kind: 'end', payload: Buffer.from('{}') },
      { kind: 'position', payload: Buffer.from('e.7') },
    ];

    expect(decodeFrames(encodeFrames(frames))).toEqual(frames);
    expect(decodeFrames(encodeFrames([]))).toEqual([]);
  });

  it('that are cut are no frames', () => {
    const chunk = encodeFrames([{ kind: 'message', payload: Buffer.from('a message') }]);

    expect(() => decodeFrames(chunk.subarray(0, 8))).toThrow('not a chunk of frames');
  });
});
